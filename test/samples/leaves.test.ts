import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ConfigError } from "../../src/base/errors.js";
import { parseJson, writeJson } from "../../src/json/parse.js";
import type { JsonObject } from "../../src/json/value.js";
import { type Hooks, loadHooks, runHooks } from "../../src/samples/hooks.js";
import { dropRetries, type ForestNode, type LeafSample, shareOut } from "../../src/samples/leaves.js";
import { SampleError } from "../../src/samples/sample.js";

/** A leaf over `[id, start, end]` completions; its prompt is what is before the first one. */
function leaf(parent: number | null, ...path: Array<[id: number, start: number, end: number]>): LeafSample {
	const end = path.at(-1)?.[2] ?? 0;
	const base = path[0]?.[1] ?? 0;
	const lossMask = new Uint8Array(end - base);
	for (const [, from, to] of path) lossMask.fill(1, from - base, to - base);
	return {
		sample: {
			tokens: new Int32Array(end),
			responseLength: end - base,
			lossMask,
			logprobs: new Float64Array(end - base),
			response: "",
			status: "completed",
			weightVersions: [],
			prefixCache: { cachedTokens: 0, totalPromptTokens: 0 },
			metadata: parseJson('{"lifecycle":[],"leaf":{},"accumulated_token_ids":[1]}') as JsonObject,
			routedExperts: null,
			indexerTopk: null,
			samplingMask: null,
		},
		nodeId: path.at(-1)?.[0] ?? 0,
		parent,
		path: path.map(([id, completionStart, completionEnd]) => ({ id, completionStart, completionEnd })),
		provisional: false,
	};
}

const forest = (...parents: Array<number | null>): ForestNode[] =>
	parents.map((parent, id) => ({ id, parent }));
const ids = (leaves: readonly LeafSample[]) => leaves.map(({ nodeId }) => nodeId);
const masks = (leaves: readonly LeafSample[]) => leaves.map(({ sample }) => sample.lossMask.join(""));

describe("the default picker", () => {
	it("drops a leaf with a later sibling of the same messages, whatever the sibling became", () => {
		const leaves = [leaf(0, [0, 1, 2], [1, 3, 4]), leaf(2, [0, 1, 2], [2, 3, 4], [3, 5, 6])];
		expect(ids(dropRetries(leaves, forest(null, 0, 0, 2)))).toEqual([3]);
	});

	it("keeps a leaf whose later sibling has other messages: it is another line of work", () => {
		const leaves = [1, 2, 3].map((id) => leaf(0, [0, 1, 2], [id, 3, 4]));
		const appended = ["", "search", "write", "search"];
		const grown = forest(null, 0, 0, 0).map((node) => ({ ...node, appended: appended[node.id] ?? "" }));
		expect(ids(dropRetries(leaves, grown))).toEqual([3, 2]);
	});

	it("keeps every root leaf, and puts the longest path first, the latest among equals", () => {
		const leaves = [leaf(null, [0, 1, 2]), leaf(null, [1, 1, 2]), leaf(2, [2, 1, 2], [3, 3, 4])];
		expect(ids(dropRetries(leaves, forest(null, null, null, 2)))).toEqual([3, 1, 0]);
	});

	it("drops nothing for a provisional turn", () => {
		const provisional = { ...leaf(0, [0, 1, 2], [2, 3, 4]), provisional: true };
		const leaves = [leaf(0, [0, 1, 2], [1, 3, 4]), provisional];
		expect(ids(dropRetries(leaves, forest(null, 0)))).toEqual([2, 1]);
	});
});

describe("the default postprocessor", () => {
	it("trains a shared turn in the leaf with the smallest id only", () => {
		const left = leaf(0, [0, 2, 4], [1, 6, 8]);
		const right = leaf(0, [0, 2, 4], [2, 6, 7]);
		expect(masks(shareOut([right, left], null))).toEqual(["00001", "110011"]);
		// What it was given stays as it was.
		expect(masks([right])).toEqual(["11001"]);
	});

	it("clamps a shared turn to what truncation left", () => {
		const whole = leaf(0, [0, 2, 4], [1, 6, 8]);
		const cut = leaf(0, [0, 2, 4], [2, 6, 8]);
		const short = { ...cut, sample: { ...cut.sample, tokens: new Int32Array(3), responseLength: 1 } };
		short.sample.lossMask = Uint8Array.of(1);
		expect(masks(shareOut([whole, short], null))).toEqual(["110011", "0"]);
	});

	const agents: Array<[string, string, string, string]> = [
		["a reward", '{"reward":0.50}', '{"reward":0.50}', "0.50"],
		["a reward of 0", '{"reward":0}', '{"reward":0}', "0"],
		["none", '{"note":[1.0]}', '{"note":[1.0]}', "null"],
		["keys of the server", '{"leaf":1,"tito_session_mismatch":[],"accumulated_token_ids":[]}', "{}", "null"],
	];
	it.each(agents)("lays agent metadata over: %s", (_, agent, added, reward) => {
		const [{ sample } = leaf(null)] = shareOut([leaf(null, [0, 1, 2])], parseJson(agent) as JsonObject);
		const own = '{"lifecycle":[],"leaf":{},"accumulated_token_ids":[1]';
		expect(writeJson(sample.metadata)).toBe(`${own}${added === "{}" ? "" : `,${added.slice(1, -1)}`}}`);
		expect(writeJson(sample.reward ?? null)).toBe(reward);
	});
});

describe("hooks", () => {
	let dir: string;
	let files = 0;
	beforeAll(() => {
		dir = mkdtempSync(join(tmpdir(), "rollpin-hooks-"));
	});
	afterAll(() => rmSync(dir, { recursive: true }));

	function write(source: string): string {
		const file = join(dir, `hook-${files++}.mjs`);
		writeFileSync(file, source);
		return file;
	}
	const load = (picker: string | null, postprocessor: string | null): Promise<Hooks> =>
		loadHooks({
			picker: picker && write(`export default ${picker}`),
			postprocessor: postprocessor && write(`export default ${postprocessor}`),
		});
	const two = [leaf(null, [0, 1, 2]), leaf(null, [1, 1, 2])];
	const run = (hooks: Hooks, agent = "null") => runHooks(hooks, two, forest(null, null), parseJson(agent));

	it("choose and order samples, set masks, metadata and rewards", async () => {
		const hooks = await load(
			"(samples, forest) => samples.filter((s) => forest[s.nodeId].parent === null).reverse()",
			"(samples, agent) => { for (const s of samples) { s.lossMask.fill(0); s.reward = agent.score * 2; s.metadata.seen = s.nodeId; } return samples; }",
		);
		const done = run(hooks, '{"score":0.25}');
		expect(ids(done)).toEqual([1, 0]);
		expect(masks(done)).toEqual(["0", "0"]);
		expect(done.map(({ sample }) => writeJson(sample.reward ?? null))).toEqual(["0.5", "0.5"]);
		expect(done.map(({ sample }) => writeJson(sample.metadata.get("seen") ?? null))).toEqual(["1", "0"]);
		expect(masks(two)).toEqual(["1", "1"]);
	});

	it("see metadata without a prototype that a client could reach", async () => {
		const hooks = await load(null, "(s, agent) => { if (agent.polluted) throw new Error('yes'); return s; }");
		expect(run(hooks, '{"__proto__":{"polluted":true}}')).toHaveLength(2);
	});

	const failing: Array<[string, string | null, string | null, RegExp]> = [
		["a picker that throws", "() => { throw new Error('no idea'); }", null, /no idea/],
		["a foreign sample", "(s) => [{ ...s[0] }]", null, /subset/],
		["a duplicate", "(s) => [s[0], s[0]]", null, /duplicates/],
		["a promise", "(s) => Promise.resolve(s)", null, /must return an array/],
		["a duplicate of the postprocessor", null, "(s) => [s[0], s[0]]", /duplicates/],
		["a mask of another length", null, "(s) => { s[0].lossMask = new Uint8Array(9); return s; }", /lossMask/],
		["a reward that is no number", null, "(s) => { s[0].reward = NaN; return s; }", /reward/],
		["metadata without JSON form", null, "(s) => { s[0].metadata.f = () => 1; return s; }", /function/],
	];
	it.each(failing)("that fail are a 422 naming both: %s", async (_, picker, postprocessor, reason) => {
		const hooks = await load(picker, postprocessor);
		expect(() => run(hooks)).toThrow(SampleError);
		expect(() => run(hooks)).toThrow(reason);
		expect(() => run(hooks)).toThrow(hooks.paths.picker ?? "drop_retries");
		expect(() => run(hooks)).toThrow(hooks.paths.postprocessor ?? "postprocessor default");
	});

	it("are not asked with agent metadata that is no object: that is a failure too", async () => {
		expect(() =>
			run({ paths: { picker: null, postprocessor: null }, picker: null, postprocessor: null }, "[]"),
		).toThrow(/metadata must be an object/);
	});

	it.each([
		["no module", "/nowhere/hook.mjs", /--sample-picker \/nowhere\/hook\.mjs cannot be loaded/],
		["no default export", "export const pick = 1", /no default export/],
		["an async function", "export default async (s) => s", /must be synchronous/],
		["a syntax error", "export default (", /cannot be loaded/],
	])("that cannot be used are a bad setting: %s", async (_, source, reason) => {
		const picker = source.startsWith("/") ? source : write(source);
		const loading = loadHooks({ picker, postprocessor: null });
		await expect(loading).rejects.toThrow(ConfigError);
		await expect(loading).rejects.toThrow(reason);
	});
});
