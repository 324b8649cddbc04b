// `rollpin export`: writes sessions of a data dir out; progress and summary on stderr. Exit code 1 when one can't be had.
import { RollpinError } from "../base/errors.js";
import type { ExportResult } from "../export/run-export.js";
import { readExportFlags } from "./export-options.js";
import type { RawFlags } from "./settings.js";

const PROGRESS_MS = 200;

/** Resolves with the exit code. Throws ConfigError for a bad flag or data dir, RollpinError when it can't go on. */
export async function exportSessions(flags: RawFlags): Promise<number> {
	const options = readExportFlags(flags);
	// Loaded here, so that --help answers without the store's and the tokenizer's code.
	const { runExport } = await import("../export/run-export.js");
	const { directorySink, fileSink, streamSink } = await import("../export/sinks.js");
	const endings = { records: ".json", samples: ".safetensors", jsonl: "" };
	const terminal = process.stderr.isTTY === true;
	const startedMs = performance.now();
	const elapsedS = () => (performance.now() - startedMs) / 1000;
	let bytes = () => 0;
	let shownMs = 0;
	const clear = () => {
		if (terminal) process.stderr.write("\r\x1b[K");
	};
	// A reader that goes away is told by the write itself.
	process.stdout.on("error", () => undefined);
	const result = await runExport(
		options,
		async () => {
			const { out, format } = options;
			const sink =
				format !== "jsonl"
					? await directorySink(out, endings[format])
					: out === "-"
						? streamSink(toStdout)
						: await fileSink(out);
			bytes = sink.bytes;
			return sink;
		},
		{
			progress(done, total) {
				const nowMs = performance.now();
				if (!terminal || nowMs - shownMs < PROGRESS_MS) return;
				shownMs = nowMs;
				const rate = Math.round(done / elapsedS());
				process.stderr.write(`\r\x1b[K${bar(done, total)} ${done}/${total} sessions, ${rate}/s`);
			},
			note(line) {
				clear();
				process.stderr.write(`rollpin: ${line}\n`);
			},
		},
	).catch((error: unknown) => {
		clear();
		throw told(error, options.out);
	});
	clear();
	process.stderr.write(`${summary(result, bytes(), elapsedS(), options.out)}\n`);
	return result.failed === 0 ? 0 : 1;
}

const BAR_CELLS = 30;

function bar(done: number, total: number): string {
	const full = total === 0 ? BAR_CELLS : Math.floor((done / total) * BAR_CELLS);
	return `[${"#".repeat(full)}${".".repeat(BAR_CELLS - full)}]`;
}

function summary(result: ExportResult, bytes: number, elapsedS: number, out: string): string {
	const { failed, gone, sessions, turns } = result;
	const mib = (bytes / 1024 / 1024).toFixed(1);
	const to = out === "-" ? "stdout" : out;
	const rest = [gone > 0 ? `; ${gone} deleted meanwhile` : "", failed > 0 ? `; ${failed} FAILED` : ""];
	return `exported ${sessions} sessions (${turns} turns, ${mib} MiB) to ${to} in ${elapsedS.toFixed(1)} s${rest.join("")}`;
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
function told(error: unknown, out: string): unknown {
	if (!(error instanceof Error && "syscall" in error)) return error;
	return new RollpinError(
		"internal",
		`the export to ${out} stopped: ${error.message}; mend that and run it again`,
		{
			cause: error,
		},
	);
}
