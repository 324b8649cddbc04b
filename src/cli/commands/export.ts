// `rollpin export`: writes sessions of a data dir out; progress and summary on stderr. Exit code 1 when one can't be had.
import { resolve } from "node:path";
import { ConfigError, RollpinError } from "../../base/errors.js";
import { EXIT_FAILED, EXIT_OK } from "../../base/exit-codes.js";
import type { SessionId } from "../../base/ids.js";
import { isSessionId } from "../../base/partitions.js";
import type { ExportOptions } from "../../export/run-export.js";
import { plainCommand } from "../command.js";
import { createExportProgress } from "../export-progress.js";
import { choice, integer, onOff, path, text, type ValuesOf } from "../option-types.js";
import { SERVE_OPTIONS } from "../options.js";

const WHAT = "What";
const RECORDED = "Cluster, where the data dir's last launch does not say it";
const AS_LAUNCHED = "as the cluster was started";

const OPTIONS = {
	dataDir: path({
		group: WHAT,
		description: "data dir of a stopped or running cluster",
		placeholder: "dir",
		fallback: "./rollpin-data",
	}),
	session: text({
		group: WHAT,
		description: "this session alone",
		placeholder: "id",
		rule: "a session id",
		check: (value) => (isSessionId(value) ? value : undefined),
		fallback: null,
		defaultText: "all",
	}),
	format: choice({
		group: WHAT,
		description: "the JSON of GET, the tensors of POST samples, or one record a line",
		placeholder: "format",
		choices: ["records", "samples", "jsonl"],
		fallback: "records",
	}),
	out: path({
		group: WHAT,
		description: "records and samples: a directory, one file a session; jsonl: a file, or - for stdout",
		placeholder: "dir",
		fallback: null,
		defaultText: "./rollpin-export; jsonl: -",
	}),
	payloads: choice({
		group: WHAT,
		description: "replay payloads in records and jsonl",
		placeholder: "which",
		choices: ["all", "latest", "none"],
		fallback: "all",
	}),
	superseded: onOff({
		group: WHAT,
		description: "turns that a retry took the place of too, in records and jsonl",
		fallback: false,
	}),
	maxSeqLen: integer({
		group: WHAT,
		description: "samples are cut to this many tokens",
		placeholder: "n",
		min: 0,
		max: 1_000_000_000,
		fallback: null,
		defaultText: "not cut",
	}),
	checkpoint: path({
		group: RECORDED,
		description: "checkpoint directory of its engine",
		placeholder: "dir",
		fallback: null,
		defaultText: AS_LAUNCHED,
	}),
	titoModel: choice({
		group: RECORDED,
		description: "model family",
		placeholder: "family",
		choices: SERVE_OPTIONS.titoModel.choices ?? [],
		fallback: null,
		defaultText: AS_LAUNCHED,
	}),
	mode: choice({
		group: RECORDED,
		description: "mode of its sessions",
		placeholder: "mode",
		choices: ["linear", "tree"],
		fallback: null,
		defaultText: AS_LAUNCHED,
	}),
	backends: integer({
		group: RECORDED,
		description: "its workers, for session.worker in records",
		placeholder: "n",
		min: 1,
		max: 64,
		fallback: null,
		defaultText: AS_LAUNCHED,
	}),
};

export const exportSessions = plainCommand({
	name: "export",
	summary: "write the sessions of a data dir out, cluster running or not",
	description: [
		"Reads the sessions of a data dir and writes them out. A running cluster is not disturbed:",
		"nothing in the data dir is changed, no lock is taken. Each session is whole, as of the",
		"moment it was read; a file appears under its name when it is complete.",
		"Exit codes: 0 all exported, 1 a session could not be, 2 bad usage or configuration.",
	].join("\n"),
	options: OPTIONS,
	async run(values) {
		const options = exportOptions(values);
		const { runExport } = await import("../../export/run-export.js");
		const { directorySink, fileSink, streamSink } = await import("../../export/sinks.js");
		const { out, format } = options;
		const endings = { records: ".json", samples: ".safetensors", jsonl: "" };
		const progress = createExportProgress();
		let bytes = () => 0;
		// A reader that goes away is told by the write itself.
		process.stdout.on("error", () => undefined);
		const openSink = async () => {
			const sink =
				format !== "jsonl"
					? await directorySink(out, endings[format])
					: out === "-"
						? streamSink(toStdout)
						: await fileSink(out);
			bytes = sink.bytes;
			return sink;
		};
		const result = await runExport(options, openSink, progress).catch((error: unknown) => {
			progress.clear();
			throw readable(error, out);
		});
		progress.summary(result, bytes(), out);
		return result.failed === 0 ? EXIT_OK : EXIT_FAILED;
	},
});

interface ExportCommandOptions extends ExportOptions {
	/** `-` for stdout; else a path as given. */
	out: string;
}

/** Throws ConfigError where the flags contradict each other. */
export function exportOptions(values: ValuesOf<typeof OPTIONS>): ExportCommandOptions {
	const { format, payloads, superseded, maxSeqLen, checkpoint, titoModel, mode, backends } = values;
	const out = values.out ?? (format === "jsonl" ? "-" : "./rollpin-export");
	if (out === "-" && format !== "jsonl") {
		throw new ConfigError(`--out -: --format ${format} makes a file for each session; name a directory`);
	}
	if (format === "samples" && payloads !== "all") {
		throw new ConfigError(
			`--payloads ${payloads}: samples hold every payload they need; leave it out or choose another --format`,
		);
	}
	if (format === "samples" && superseded) {
		throw new ConfigError(
			"--superseded: samples are made of turns that stand; leave it out or choose another --format",
		);
	}
	if (format !== "samples" && maxSeqLen !== null) {
		throw new ConfigError(
			`--max-seq-len ${maxSeqLen}: --format ${format} is never cut; leave it out or give --format samples`,
		);
	}
	return {
		dataDir: resolve(values.dataDir),
		format,
		session: values.session as SessionId | null,
		payloads,
		maxSeqLen,
		superseded,
		overrides: {
			...(titoModel === null ? {} : { titoModel }),
			...(mode === null ? {} : { mode }),
			...(backends === null ? {} : { backends }),
			...(checkpoint === null ? {} : { checkpointDir: resolve(checkpoint) }),
		},
		out,
	};
}

/** Resolves when the next piece may come. @throws RollpinError when nobody reads any more */
function toStdout(piece: Uint8Array): Promise<void> {
	return new Promise((resolve, reject) => {
		process.stdout.write(piece, (error) => {
			if (!error) resolve();
			else reject(new RollpinError("internal", `stdout was closed before the end: ${error.message}`));
		});
	});
}

/** What the file system refuses is no bug: one line. */
function readable(error: unknown, out: string): unknown {
	if (!(error instanceof Error && "syscall" in error)) return error;
	return new RollpinError(
		"internal",
		`the export to ${out} stopped: ${error.message}; mend that and run it again`,
		{
			cause: error,
		},
	);
}
