// The options of `rollpin export`. Pure.
import { resolve } from "node:path";
import { ConfigError } from "../base/errors.js";
import type { SessionId } from "../base/ids.js";
import { isSessionId } from "../base/partitions.js";
import type { ExportFormat } from "../export/formats.js";
import type { ExportOptions } from "../export/run-export.js";
import type { PayloadChoice } from "../reads/records.js";
import { choice, integer, type OptionSpec, onOff, path, text } from "./option-types.js";
import { SERVE_OPTIONS } from "./options.js";
import { readFlags } from "./read-flags.js";
import type { RawFlags } from "./settings.js";

const WHAT = "What";
const RECORDED = "Cluster, where the data dir's last launch does not say it";
const AS_LAUNCHED = "as the cluster was started";

export interface ExportFlags extends ExportOptions {
	/** `-` for stdout; else a path as given. */
	out: string;
}

/** Every flag of `rollpin export`, in the order in which help shows them. */
export const EXPORT_FLAGS: ReadonlyMap<string, OptionSpec<unknown>> = new Map<string, OptionSpec<unknown>>([
	[
		"dataDir",
		path({
			group: WHAT,
			description: "data dir of a stopped or running cluster",
			placeholder: "dir",
			fallback: "./rollpin-data",
		}),
	],
	[
		"session",
		text({
			group: WHAT,
			description: "this session alone",
			placeholder: "id",
			rule: "a session id",
			check: (value) => (isSessionId(value) ? value : undefined),
			fallback: null,
			defaultText: "all",
		}),
	],
	[
		"format",
		choice({
			group: WHAT,
			description: "the JSON of GET, the tensors of POST samples, or one record a line",
			placeholder: "format",
			choices: ["records", "samples", "jsonl"],
			fallback: "records",
		}),
	],
	[
		"out",
		path({
			group: WHAT,
			description: "records and samples: a directory, one file a session; jsonl: a file, or - for stdout",
			placeholder: "dir",
			fallback: null,
			defaultText: "./rollpin-export; jsonl: -",
		}),
	],
	[
		"payloads",
		choice({
			group: WHAT,
			description: "replay payloads in records and jsonl",
			placeholder: "which",
			choices: ["all", "latest", "none"],
			fallback: "all",
		}),
	],
	[
		"superseded",
		onOff({
			group: WHAT,
			description: "turns that a retry took the place of too, in records and jsonl",
			fallback: false,
		}),
	],
	[
		"maxSeqLen",
		integer({
			group: WHAT,
			description: "samples are cut to so many tokens",
			placeholder: "n",
			min: 0,
			max: 1_000_000_000,
			fallback: null,
			defaultText: "not cut",
		}),
	],
	[
		"checkpoint",
		path({
			group: RECORDED,
			description: "checkpoint directory of its engine",
			placeholder: "dir",
			fallback: null,
			defaultText: AS_LAUNCHED,
		}),
	],
	[
		"titoModel",
		choice({
			group: RECORDED,
			description: "model family",
			placeholder: "family",
			choices: SERVE_OPTIONS.titoModel.choices ?? [],
			fallback: null,
			defaultText: AS_LAUNCHED,
		}),
	],
	[
		"mode",
		choice({
			group: RECORDED,
			description: "mode of its sessions",
			placeholder: "mode",
			choices: ["linear", "tree"],
			fallback: null,
			defaultText: AS_LAUNCHED,
		}),
	],
	[
		"backends",
		integer({
			group: RECORDED,
			description: "its workers, for session.worker in records",
			placeholder: "n",
			min: 1,
			max: 64,
			fallback: null,
			defaultText: AS_LAUNCHED,
		}),
	],
]);

/** Throws ConfigError naming the first flag whose value breaks its rule. */
export function readExportFlags(flags: RawFlags): ExportFlags {
	const given = readFlags(EXPORT_FLAGS, flags);
	const value = (key: string) => given.get(key) ?? EXPORT_FLAGS.get(key)?.fallback;
	const format = value("format") as ExportFormat;
	const out = (value("out") as string | null) ?? (format === "jsonl" ? "-" : "./rollpin-export");
	if (out === "-" && format !== "jsonl") {
		throw new ConfigError(`--out -: --format ${format} makes a file for each session; name a directory`);
	}
	const payloads = value("payloads") as PayloadChoice;
	if (format === "samples" && payloads !== "all") {
		throw new ConfigError(
			`--payloads ${payloads}: samples hold every payload they need; leave it out or choose another --format`,
		);
	}
	const superseded = value("superseded") as boolean;
	if (format === "samples" && superseded) {
		throw new ConfigError(
			"--superseded: samples are made of turns that stand; leave it out or choose another --format",
		);
	}
	const maxSeqLen = value("maxSeqLen") as number | null;
	if (format !== "samples" && maxSeqLen !== null) {
		throw new ConfigError(
			`--max-seq-len ${maxSeqLen}: --format ${format} is never cut; leave it out or give --format samples`,
		);
	}
	const overrides: Record<string, unknown> = {};
	for (const key of ["titoModel", "mode", "backends"]) if (given.has(key)) overrides[key] = given.get(key);
	const checkpoint = given.get("checkpoint") as string | undefined;
	if (checkpoint !== undefined) overrides["checkpointDir"] = resolve(checkpoint);
	return {
		dataDir: resolve(value("dataDir") as string),
		format,
		session: value("session") as SessionId | null,
		payloads,
		maxSeqLen,
		superseded,
		overrides,
		out,
	};
}
