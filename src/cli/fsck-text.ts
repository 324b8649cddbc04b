// What `rollpin fsck` shows: its findings and its summary as text, and how far it is on a terminal. Checks nothing.
import { PARTITION_COUNT } from "../base/partitions.js";
import type { CheckListener, CheckResult } from "../store/check/check-data-dir.js";
import type { Finding } from "../store/check/finding.js";

const PROGRESS_MS = 200;
const MIB = 1024 * 1024;

export function findingText({
	kind,
	partition,
	session,
	what,
	places,
	turns,
	exportable,
	remedy,
}: Finding): string {
	const of = [
		...(session === null ? [] : [`session ${session}`]),
		...(partition === null ? [] : [`partition ${partition}`]),
	].join(", ");
	const lines = [`${kind.padEnd(8)}  ${of === "" ? "" : `${of}: `}${what}`];
	for (const place of places) {
		const at = place.offset === null ? "" : `, byte ${place.offset}`;
		const said = place.what === what ? "" : `: ${place.what}`;
		lines.push(`  at      ${place.file}${at}${said}`);
	}
	if (turns !== null)
		lines.push(`  whole   ${turns.whole.length} of ${turns.stored} turns${inRanges(turns.whole)}`);
	if (exportable !== null) lines.push(`  export  ${exportable}`);
	lines.push(`  do      ${remedy}`);
	return lines.join("\n");
}

/** Numbers in ascending order, as ` (0-3, 5)`. */
function inRanges(numbers: readonly number[]): string {
	const ranges: Array<[number, number]> = [];
	for (const number of [...numbers].sort((left, right) => left - right)) {
		const last = ranges.at(-1);
		if (last !== undefined && last[1] === number - 1) last[1] = number;
		else ranges.push([number, number]);
	}
	if (ranges.length === 0) return "";
	return ` (${ranges.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(", ")})`;
}

export function summaryText(result: CheckResult, dataDir: string, elapsedS: number): string {
	const { sessions, damagedSessions, damagedPartitions, damaged, harmed, leftovers, bytes } = result;
	const read = `${(bytes / MIB).toFixed(1)} MiB in ${elapsedS.toFixed(1)} s`;
	const found = `${damaged} damaged, ${harmed} harmed, ${leftovers} leftover`;
	const lines = [`checked ${dataDir}: ${sessions} whole sessions, ${read}; ${found}`];
	if (damaged + harmed > 0) {
		const lost = `${damagedSessions} damaged sessions and ${damagedPartitions} damaged partitions`;
		lines.push(`rollpin export --data-dir ${dataDir} writes all out but ${lost}`);
	}
	return lines.join("\n");
}

export interface FsckProgress {
	show: CheckListener["progress"];
	/** Takes the line away. */
	clear(): void;
	elapsedS(): number;
}

/** The time that is told starts here. */
export function createFsckProgress(): FsckProgress {
	const terminal = process.stderr.isTTY === true;
	const startedMs = performance.now();
	const elapsedS = () => (performance.now() - startedMs) / 1000;
	let shownMs = Number.NEGATIVE_INFINITY;
	return {
		elapsedS,
		clear() {
			if (terminal) process.stderr.write("\r\x1b[K");
		},
		show(partitions, { sessions, bytes }) {
			const nowMs = performance.now();
			if (!terminal || nowMs - shownMs < PROGRESS_MS) return;
			shownMs = nowMs;
			const rate = (bytes / MIB / elapsedS()).toFixed(0);
			process.stderr.write(
				`\r\x1b[K${partitions}/${PARTITION_COUNT} partitions, ${sessions} whole sessions, ${(bytes / MIB).toFixed(0)} MiB, ${rate} MiB/s`,
			);
		},
	};
}
