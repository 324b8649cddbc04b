// Asks the reader for one answer after the other. What the two say to each other stands here too.
import type { Role } from "./processes.js";

/** The message it takes; one at a time. */
export interface ReadRequest {
	method: "GET" | "POST";
	path: string;
}

/** The answer. */
export interface ReadReport {
	/** 0: the connection broke. */
	status: number;
	bytes: number;
	/** From the request to the first byte of the body. */
	firstByteMs: number;
	elapsedMs: number;
}

/** Until the time is up, and at least once. */
export async function readOnAndOn(
	reader: Role<object>,
	request: ReadRequest,
	durationMs: number,
): Promise<ReadReport[]> {
	const endMs = performance.now() + durationMs;
	const reads: ReadReport[] = [];
	do {
		const report = reader.next<ReadReport>();
		reader.send(request);
		reads.push(await report);
	} while (performance.now() < endMs);
	return reads;
}
