// What `rollpin export` shows on stderr: a bar on a terminal, a line about each trouble, the summary. Exports nothing.
import type { ExportListener, ExportResult } from "../export/run-export.js";

export interface ExportProgress extends ExportListener {
	/** Takes the bar away. */
	clear(): void;
	summary(result: ExportResult, bytes: number, out: string): void;
}

const PROGRESS_MS = 200;
const BAR_CELLS = 30;

/** The time that rates are told by starts here. */
export function createExportProgress(): ExportProgress {
	const terminal = process.stderr.isTTY === true;
	const startedMs = performance.now();
	const elapsedS = () => (performance.now() - startedMs) / 1000;
	let shownMs = 0;
	const clear = () => {
		if (terminal) process.stderr.write("\r\x1b[K");
	};
	return {
		clear,
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
		summary({ failed, gone, sessions, turns }, bytes, out) {
			clear();
			const mib = (bytes / 1024 / 1024).toFixed(1);
			const to = out === "-" ? "stdout" : out;
			const rest = [gone > 0 ? `; ${gone} deleted meanwhile` : "", failed > 0 ? `; ${failed} FAILED` : ""];
			process.stderr.write(
				`exported ${sessions} session${sessions === 1 ? "" : "s"} (${turns} turn${turns === 1 ? "" : "s"}, ${mib} MiB) to ${to} in ${elapsedS().toFixed(1)} s${rest.join("")}\n`,
			);
		},
	};
}

function bar(done: number, total: number): string {
	const full = total === 0 ? BAR_CELLS : Math.floor((done / total) * BAR_CELLS);
	return `[${"#".repeat(full)}${".".repeat(BAR_CELLS - full)}]`;
}
