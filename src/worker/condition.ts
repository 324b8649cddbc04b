// Tells the primary what this worker knows of what it depends on, when that changes. Decides nothing about it.
import type { WorkerCondition } from "../ipc/messages.js";
import { logDropped } from "../telemetry/logger.js";
import type { WorkerContext } from "./context.js";
import type { StoreWatch } from "./store-watch.js";

const INTERVAL_MS = 1_000;

export function conditionOf(
	engines: WorkerContext["engines"],
	store: Pick<StoreWatch, "refusals" | "writable">,
	partitionsRefused: number,
): WorkerCondition {
	return {
		engines: engines.all().map(({ client, gate, tally }) => ({
			url: tally.label,
			...tally.lastMinute(),
			unreachable: client.unreachable,
			refusing: client.refuses,
			unfit: gate?.unfit ?? null,
		})),
		partitionsRefused,
		storeWritable: store.writable,
		storeRefusals: store.refusals,
		logDropped: logDropped(),
	};
}

/** Sends what `read` gives whenever it is another one than before. @returns looks at once, not only at the next second */
export function watchCondition(
	read: () => WorkerCondition,
	send: (condition: WorkerCondition) => void,
): () => void {
	let last = "";
	const look = (): void => {
		const condition = read();
		const text = JSON.stringify(condition);
		if (text === last) return;
		last = text;
		send(condition);
	};
	look();
	setInterval(look, INTERVAL_MS).unref();
	return look;
}
