// `npm run bench:router`: one trivial backend reached directly, through the router alone, and through nginx.
import type { NetConnectOpts } from "node:net";
import { percentile } from "../../src/demo/report.js";
import { type LoadResult, load } from "./load.js";
import { numberFlag, printResult, round } from "./output.js";
import { cpuMs, startNginx, startRole } from "./processes.js";
import type { RouterAlone } from "./router-alone.js";

interface Subject {
	name: string;
	target: NetConnectOpts;
	/** Process in between; null: none. */
	pid: number | null;
}

interface Round extends LoadResult {
	/** CPU time of the process in between per request, in µs. */
	cpuUs: number | null;
}

const rounds = numberFlag("rounds", 5);
const durationMs = numberFlag("round-ms", 1_500);
const connections = numberFlag("connections", 32);
const largeMib = numberFlag("large-mib", 64);
const largeConnections = numberFlag("large-connections", 2);
const largeBytes = largeMib * 1024 * 1024;

const router = await startRole<RouterAlone>("router-alone", []);
const { socketPath } = router.ready;
const backend = await startRole("trivial-backend", [socketPath, String(largeBytes)]);
const nginx = await startNginx(socketPath);
const subjects: Subject[] = [
	{ name: "direct", target: { path: socketPath }, pid: null },
	{ name: "router", target: { port: router.ready.port, host: "127.0.0.1" }, pid: router.pid },
];
if (nginx !== null) {
	subjects.push({ name: "nginx", target: { port: nginx.port, host: "127.0.0.1" }, pid: nginx.workerPid });
}

const path = "/sessions/0123456789abcdef0123456789abcdef/v1/chat/completions";
const small = request("POST", path, Buffer.alloc(1024, "x"));
const longBody = request("POST", path, Buffer.alloc(100 * 1024, "x"));
const large = request("POST", `${path}?/large`, Buffer.alloc(16, "x"));

await measure(small, 1, { connections, durationMs: 500 });
const smalls = await measure(small, rounds, { connections, durationMs });
const longBodies = await measure(longBody, rounds, { connections, durationMs });
const larges = await measure(large, rounds, { connections: largeConnections, durationMs });
await nginx?.stop();
await router.stop();
await backend.stop();

const result = {
	nginx: nginx?.version ?? null,
	rounds,
	round_ms: durationMs,
	connections,
	small_replies: summary(smalls, (round) => round.requestsPerS, "requests_per_s"),
	bodies_100_kib: summary(longBodies, (round) => round.requestsPerS, "requests_per_s"),
	large_replies: {
		mib: largeMib,
		connections: largeConnections,
		...summary(larges, (round) => round.bytesPerS / 1e9, "gb_per_s"),
	},
};
const median = (of: Map<string, Round[]>, name: string, value: (round: Round) => number) =>
	percentile((of.get(name) ?? []).map(value), 0.5);
printResult(
	"router",
	[
		[
			"",
			"requests/s",
			"of direct",
			"of nginx",
			"p50 ms",
			"p99 ms",
			"CPU µs/request",
			"CPU µs, 100 KiB bodies",
			"failures",
			`${largeMib} MiB GB/s`,
		],
		...subjects.map(({ name }) => {
			const rate = median(smalls, name, (round) => round.requestsPerS);
			const ratio = (to: string) => round(rate / median(smalls, to, (one) => one.requestsPerS));
			return [
				name,
				Math.round(rate),
				ratio("direct"),
				nginx === null ? "-" : ratio("nginx"),
				round(median(smalls, name, (one) => one.p50Ms)),
				round(median(smalls, name, (one) => one.p99Ms)),
				...[smalls, longBodies].map((of) =>
					name === "direct"
						? "-"
						: round(
								median(of, name, (one) => one.cpuUs ?? Number.NaN),
								1,
							),
				),
				allFailures(name),
				round(median(larges, name, (one) => one.bytesPerS / 1e9)),
			];
		}),
	],
	result,
);
if (nginx === null) process.stderr.write("nginx is not installed: no comparison with it\n");
process.exit(subjects.some(({ name }) => allFailures(name) > 0) ? 1 : 0);

/** Rounds in turn, so that what else the machine does hits all alike. */
async function measure(
	bytes: Buffer,
	count: number,
	options: { connections: number; durationMs: number },
): Promise<Map<string, Round[]>> {
	const measured = new Map<string, Round[]>(subjects.map(({ name }) => [name, []]));
	for (let at = 0; at < count; at++) {
		for (const { name, target, pid } of at % 2 === 0 ? subjects : subjects.toReversed()) {
			const before = pid === null ? null : cpuMs(pid);
			const loaded = await load(target, bytes, options);
			const after = pid === null ? null : cpuMs(pid);
			const cpuUs = before === null || after === null ? null : ((after - before) * 1000) / loaded.requests;
			measured.get(name)?.push({ ...loaded, cpuUs });
		}
	}
	return measured;
}

function request(method: string, target: string, body: Buffer): Buffer {
	const head = `${method} ${target} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\nauthorization: Bearer none\r\naccept: application/json\r\nuser-agent: bench\r\ncontent-length: ${body.length}\r\n\r\n`;
	return Buffer.concat([Buffer.from(head), body]);
}

function allFailures(name: string): number {
	return [smalls, longBodies, larges].reduce((sum, of) => sum + failures(of, name), 0);
}

function failures(of: Map<string, Round[]>, name: string): number {
	return (of.get(name) ?? []).reduce((sum, round) => sum + round.failures, 0);
}

function summary(of: Map<string, Round[]>, value: (round: Round) => number, unit: string): object {
	const rates = Object.fromEntries(
		[...of].map(([name, measured]) => {
			const values = measured.map(value);
			return [
				name,
				{
					[unit]: round(percentile(values, 0.5), 3),
					min: round(Math.min(...values), 3),
					max: round(Math.max(...values), 3),
					cpu_us_per_request:
						measured[0]?.cpuUs == null
							? null
							: round(
									percentile(
										measured.map(({ cpuUs }) => cpuUs ?? 0),
										0.5,
									),
									1,
								),
				},
			];
		}),
	);
	const at = (name: string) => percentile((of.get(name) ?? []).map(value), 0.5);
	return {
		...rates,
		router_to_direct: round(at("router") / at("direct"), 3),
		router_to_nginx: of.has("nginx") ? round(at("router") / at("nginx"), 3) : null,
	};
}
