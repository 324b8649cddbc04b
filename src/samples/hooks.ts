// The trainer's own picker and postprocessor: loads their modules, shows them plain samples, checks what they give back.
import { pathToFileURL } from "node:url";
import { ConfigError } from "../base/errors.js";
import { JsonNumber, type JsonObject, type JsonValue } from "../json/value.js";
import { dropRetries, type ForestNode, type LeafSample, type PathNode, shareOut } from "./leaves.js";
import { numberOf } from "./merge.js";
import { SampleError, type SampleStatus } from "./sample.js";

/** Any JSON value as plain data; objects have no prototype. */
export type Plain = null | boolean | number | string | Plain[] | { [key: string]: Plain };

/** One leaf as a hook sees it. A postprocessor may change `lossMask`, `metadata` and `reward`. */
export interface HookSample {
	readonly nodeId: number;
	readonly parent: number | null;
	readonly path: readonly PathNode[];
	readonly provisional: boolean;
	readonly status: SampleStatus;
	readonly response: string;
	readonly tokens: Int32Array;
	readonly logProbs: Float64Array;
	/** One byte for each of the last `lossMask.length` tokens: 1 trains. */
	lossMask: Uint8Array;
	metadata: { [key: string]: Plain };
	reward: number | null;
}

/** `--sample-picker`: which leaves become samples, in which order. Synchronous. */
export type SamplePicker = (samples: HookSample[], forest: readonly ForestNode[]) => HookSample[];
/** `--sample-postprocessor`: the picked samples with masks, metadata and rewards as they shall be. Synchronous. */
export type SamplePostprocessor = (
	samples: HookSample[],
	agentMetadata: { [key: string]: Plain } | null,
) => HookSample[];

export interface HookPaths {
	/** Absolute path of an ES module; null: drop_retries. */
	picker: string | null;
	/** Absolute path of an ES module; null: shared turns train once. */
	postprocessor: string | null;
}

export interface Hooks {
	paths: HookPaths;
	picker: SamplePicker | null;
	postprocessor: SamplePostprocessor | null;
}

/** @throws ConfigError naming the flag when a module cannot be loaded or its default export is no such function */
export async function loadHooks(paths: HookPaths): Promise<Hooks> {
	const picker = await load(paths.picker, "--sample-picker");
	const postprocessor = await load(paths.postprocessor, "--sample-postprocessor");
	return {
		paths,
		picker: picker as SamplePicker | null,
		postprocessor: postprocessor as SamplePostprocessor | null,
	};
}

async function load(path: string | null, flag: string): Promise<unknown> {
	if (path === null) return null;
	let loaded: { default?: unknown };
	try {
		loaded = (await import(pathToFileURL(path).href)) as { default?: unknown };
	} catch (error) {
		const reason = error instanceof Error ? error.message : String(error);
		throw new ConfigError(`${flag} ${path} cannot be loaded (${reason}); give an ES module`, {
			cause: error,
		});
	}
	const hook = loaded.default;
	if (typeof hook !== "function") {
		throw new ConfigError(`${flag} ${path} has no default export that is a function; export one`);
	}
	if (Object.prototype.toString.call(hook) === "[object AsyncFunction]") {
		throw new ConfigError(`${flag} ${path} exports an async function; a hook must be synchronous`);
	}
	return hook;
}

/**
 * Picks and finishes the leaves.
 * @param agent `metadata` of the request
 * @throws SampleError naming both hooks and the cause
 */
export function runHooks(
	hooks: Hooks,
	leaves: readonly LeafSample[],
	forest: readonly ForestNode[],
	agent: JsonValue,
): LeafSample[] {
	try {
		if (agent !== null && !(agent instanceof Map)) throw new Error("metadata must be an object");
		const picked = hooks.picker === null ? dropRetries(leaves, forest) : pick(hooks.picker, leaves, forest);
		if (hooks.postprocessor === null) return shareOut(picked, agent);
		return finish(hooks.postprocessor, picked, agent);
	} catch (error) {
		const reason = error instanceof Error ? error.message : String(error);
		const { picker, postprocessor } = hooks.paths;
		throw new SampleError(
			`sample hooks failed (picker ${picker ?? "drop_retries"}, postprocessor ${postprocessor ?? "default"}): ${reason}`,
			{ cause: error },
		);
	}
}

function pick(
	picker: SamplePicker,
	leaves: readonly LeafSample[],
	forest: readonly ForestNode[],
): LeafSample[] {
	const shown = leaves.map(show);
	return chosen(picker([...shown], forest), shown, "picker").map((index) => leaves[index] as LeafSample);
}

function finish(
	postprocessor: SamplePostprocessor,
	leaves: readonly LeafSample[],
	agent: JsonObject | null,
): LeafSample[] {
	const shown = leaves.map(show);
	const metadata = agent === null ? null : (toPlain(agent) as { [key: string]: Plain });
	return chosen(postprocessor([...shown], metadata), shown, "postprocessor").map((index) => {
		const leaf = leaves[index] as LeafSample;
		return takeBack(leaf, shown[index] as HookSample);
	});
}

/** Which of the shown samples came back, by identity. */
function chosen(returned: unknown, shown: readonly HookSample[], who: string): number[] {
	if (!Array.isArray(returned)) throw new Error(`the ${who} must return an array of samples, synchronously`);
	const indices = returned.map((sample) => shown.indexOf(sample as HookSample));
	if (indices.includes(-1)) throw new Error(`the ${who} must return a subset of the samples it was given`);
	if (new Set(indices).size < indices.length) throw new Error(`the ${who} returned duplicates`);
	return indices;
}

function show(leaf: LeafSample): HookSample {
	const { sample } = leaf;
	return {
		nodeId: leaf.nodeId,
		parent: leaf.parent,
		path: leaf.path,
		provisional: leaf.provisional,
		status: sample.status,
		response: sample.response,
		tokens: sample.tokens.slice(),
		logProbs: sample.logprobs.slice(),
		lossMask: sample.lossMask.slice(),
		metadata: toPlain(sample.metadata) as { [key: string]: Plain },
		reward: null,
	};
}

function takeBack(leaf: LeafSample, shown: HookSample): LeafSample {
	const { lossMask, reward } = shown;
	if (!(lossMask instanceof Uint8Array) || lossMask.length !== leaf.sample.responseLength)
		throw new Error(
			`the postprocessor left a lossMask that is no Uint8Array of ${leaf.sample.responseLength}`,
		);
	if (reward !== null && !Number.isFinite(reward))
		throw new Error("the postprocessor left a reward that is neither null nor a finite number");
	const metadata = fromPlain(shown.metadata);
	if (!(metadata instanceof Map)) throw new Error("the postprocessor left metadata that is no object");
	const sample = {
		...leaf.sample,
		lossMask: lossMask.slice(),
		metadata,
		reward: reward === null ? null : numberOf(reward),
	};
	return { ...leaf, sample };
}

function toPlain(value: JsonValue): Plain {
	if (value instanceof JsonNumber) return value.value;
	if (Array.isArray(value)) return value.map(toPlain);
	if (!(value instanceof Map)) return value;
	const plain = Object.create(null) as { [key: string]: Plain };
	for (const [key, item] of value) plain[key] = toPlain(item);
	return plain;
}

function fromPlain(value: unknown): JsonValue {
	if (value === null || typeof value === "boolean" || typeof value === "string") return value;
	if (typeof value === "number" && Number.isFinite(value)) return numberOf(value);
	if (Array.isArray(value)) return value.map(fromPlain);
	if (typeof value === "object")
		return new Map(Object.entries(value).map(([key, item]) => [key, fromPlain(item)]));
	throw new Error(`a hook left a ${typeof value} in metadata, which has no JSON form`);
}
