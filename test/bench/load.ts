// A small closed-loop load generator: N keep-alive connections, one request at a time on each. Bytes in, figures out.
import { connect, type NetConnectOpts, type Socket } from "node:net";

export interface LoadResult {
	requests: number;
	elapsedS: number;
	requestsPerS: number;
	bytesPerS: number;
	p50Ms: number;
	p99Ms: number;
	/** Replies with another status than 200, and connections that broke. */
	failures: number;
}

const HEAD_END = Buffer.from("\r\n\r\n");

/**
 * Sends `request` over and over until `durationMs` is up.
 * @param request one whole HTTP/1.1 request; its reply must carry a content-length
 */
export async function load(
	target: NetConnectOpts,
	request: Buffer,
	options: { connections: number; durationMs: number },
): Promise<LoadResult> {
	const latencies: number[] = [];
	const totals = { bytes: 0, failures: 0 };
	const startedMs = performance.now();
	const stopMs = startedMs + options.durationMs;
	await Promise.all(
		Array.from({ length: options.connections }, () => connection(target, request, stopMs, latencies, totals)),
	);
	const elapsedS = (performance.now() - startedMs) / 1000;
	latencies.sort((a, b) => a - b);
	const at = (fraction: number) => latencies[Math.floor(fraction * (latencies.length - 1))] ?? Number.NaN;
	return {
		requests: latencies.length,
		elapsedS,
		requestsPerS: latencies.length / elapsedS,
		bytesPerS: totals.bytes / elapsedS,
		p50Ms: at(0.5),
		p99Ms: at(0.99),
		failures: totals.failures,
	};
}

function connection(
	target: NetConnectOpts,
	request: Buffer,
	stopMs: number,
	latencies: number[],
	totals: { bytes: number; failures: number },
): Promise<void> {
	return new Promise((resolve) => {
		const socket: Socket = connect(target);
		socket.setNoDelay(true);
		let head: Buffer | null = null;
		let left = -1;
		let sentMs = 0;
		const send = () => {
			sentMs = performance.now();
			left = -1;
			head = null;
			socket.write(request);
		};
		const finish = () => {
			latencies.push(performance.now() - sentMs);
			if (performance.now() >= stopMs) socket.end();
			else send();
		};
		socket.on("connect", send);
		socket.on("data", (chunk: Buffer) => {
			totals.bytes += chunk.length;
			if (left >= 0) {
				left -= chunk.length;
			} else {
				head = head === null ? chunk : Buffer.concat([head, chunk]);
				const end = head.indexOf(HEAD_END);
				if (end === -1) return;
				const text = head.toString("latin1", 0, end);
				if (!text.startsWith("HTTP/1.1 200")) totals.failures++;
				const length = /\r\ncontent-length: *(\d+)/i.exec(text)?.[1];
				if (length === undefined) throw new Error("the benchmark needs replies with a content-length");
				left = Number(length) - (head.length - end - HEAD_END.length);
			}
			if (left === 0) finish();
		});
		socket.on("error", () => {
			totals.failures++;
		});
		socket.on("close", () => resolve());
	});
}
