// The options of rollpin export: what contradicts itself is refused with the remedy.
import { describe, expect, it } from "vitest";
import { ConfigError } from "../../src/base/errors.js";
import { exportOptions, exportSessions } from "../../src/cli/commands/export.js";
import { readFlags } from "../../src/cli/read-flags.js";

const read = (flags: Record<string, string | boolean>) =>
	exportOptions(
		readFlags(
			exportSessions.options,
			Object.fromEntries(
				Object.entries(flags).map(([key, value]) => [key, typeof value === "boolean" ? value : [value]]),
			),
		),
	);

describe("export options", () => {
	it.each([
		[
			{ format: "samples", payloads: "none" },
			/^--payloads none: samples hold every payload they need; leave it out/,
		],
		[{ format: "samples", payloads: "latest" }, /^--payloads latest: samples hold/],
		[{ format: "records", maxSeqLen: "9" }, /^--max-seq-len 9: --format records is never cut; leave it out/],
		[{ format: "jsonl", maxSeqLen: "0" }, /^--max-seq-len 0: --format jsonl is never cut/],
		[
			{ format: "samples", superseded: true },
			/^--superseded: samples are made of turns that stand; leave it out/,
		],
		[{ maxSeqLen: "9" }, /^--max-seq-len 9: --format records is never cut/],
		[{ format: "samples", out: "-" }, /^--out -: --format samples makes a file for each session/],
	])("%j is refused", (flags: Record<string, string | boolean>, message) => {
		expect(() => read(flags)).toThrow(ConfigError);
		expect(() => read(flags)).toThrow(message);
	});

	it.each([
		[
			{ format: "samples", payloads: "all", maxSeqLen: "9" },
			{ payloads: "all", maxSeqLen: 9 },
		],
		[
			{ format: "jsonl", payloads: "none" },
			{ payloads: "none", maxSeqLen: null, out: "-" },
		],
		[{ payloads: "latest" }, { format: "records", payloads: "latest", out: "./rollpin-export" }],
	])("%j is taken", (flags: Record<string, string>, expected) => {
		expect(read(flags)).toMatchObject(expected);
	});
});
