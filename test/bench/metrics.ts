// `npm run bench:metrics`: what counting one chat costs, in its worker and in the router, and what a scrape of many workers costs; then
// chats on a cluster that is scraped and not, in turn. Flags: --workers, --rounds (0: without those), --scrape-ms, --before DIR (another
// build beside it, such as one without the counting).

import { RouterMetrics } from "../../src/router/metrics.js";
import { emptyReport } from "../../src/session/turn/turn-report.js";
import { expose, mergeTexts } from "../../src/telemetry/metrics/exposition.js";
import { createMetrics, type Gauges } from "../../src/telemetry/metrics/metrics.js";
import { processMetrics } from "../../src/telemetry/metrics/process-metrics.js";
import { countChat } from "../../src/worker/chat-metrics.js";
import { EngineTally } from "../../src/worker/engine-tally.js";
import { StoreWatch } from "../../src/worker/store-watch.js";
import { metricsCost } from "./metrics-cost.js";
import { numberFlag, printResult, round } from "./output.js";

const CHATS = 1_000_000;
const workers = numberFlag("workers", 8);
const rounds = numberFlag("rounds", 6);
const scrapeMs = numberFlag("scrape-ms", 1_000);

const metrics = createMetrics("worker");
const tally = new EngineTally({ url: "http://127.0.0.1:30000", unreachable: false });
const watch = new StoreWatch(metrics, () => undefined);
const report = emptyReport();
report.committed = { aborted: false, stopJoin: false, payloadBytes: 1_000, payloadBytesStored: 10 };
const end = { status: 200, code: null, finishReason: "stop", turn: 3, replyBytes: 4_000 };

/** All that one chat counts in its worker. */
function inWorker(ms: number): void {
	metrics.worker_requests_total.value++;
	const { timings } = report;
	timings.lockWaitMs = ms / 1000;
	timings.tokenizeInMs = ms / 100;
	timings.proxyElapsedMs = ms;
	timings.tokenizeOutMs = ms / 500;
	timings.commitMs = ms / 400;
	report.promptTokens = 900;
	metrics.engine_seconds.observe(ms / 1000);
	tally.count(metrics, "ok");
	watch.committed(ms / 400, null);
	countChat(metrics, end, report, ms * 1.1);
}

const routerCounts = createMetrics("router");
const router = new RouterMetrics(
	routerCounts,
	async () => "",
	async () => [],
);

/** CPU time of one call, in microseconds; the calls before are not measured. */
function costUs(work: (ms: number) => void): number {
	for (let chat = 0; chat < CHATS / 10; chat++) work(chat % 5_000);
	const before = process.cpuUsage();
	for (let chat = 0; chat < CHATS; chat++) work(chat % 5_000);
	const { user, system } = process.cpuUsage(before);
	return (user + system) / CHATS;
}

const gauges: Gauges<"worker"> = {
	breaker_open: () => [[[tally.label], 0]],
	engine_up: () => [[[tally.label], 1]],
	sessions: () => 1_000,
	session_queue: () => 0,
	inflight: () => 16,
	inflight_bytes: () => 100_000,
	sessions_damaged: () => 0,
	store_bytes: () => 1e9,
	store_writable: () => 1,
	partitions_refused: () => 0,
};

/** CPU time of one call, in milliseconds. */
async function textMs(work: () => unknown): Promise<number> {
	const RUNS = 100;
	for (let run = 0; run < RUNS; run++) await work();
	const before = process.cpuUsage();
	for (let run = 0; run < RUNS; run++) await work();
	const { user, system } = process.cpuUsage(before);
	return (user + system) / RUNS / 1000;
}

const workerUs = costUs(inWorker);
const routerUs = costUs((ms) => router.answered("/sessions/{id}/v1/chat/completions", "POST", 200, ms));
const textOf = processMetrics({ role: "worker", worker: 0 }, metrics, gauges);
const ofWorker = await textMs(textOf);
const texts = await Promise.all(
	Array.from({ length: workers }, (_, worker) => expose({ role: "worker", worker }, metrics, gauges)),
);
const whole = await textOf();
texts.push(...Array.from({ length: workers }, () => whole));
const merging = await textMs(() => mergeTexts(texts));
const beforeAt = process.argv.indexOf("--before");
const before = beforeAt === -1 ? null : (process.argv[beforeAt + 1] ?? null);
const underLoad =
	rounds === 0 ? { costs: [], scrapeCpuMs: Number.NaN } : await metricsCost({ rounds, scrapeMs, before });
const figures = {
	chat_in_worker_us: round(workerUs, 2),
	chat_in_router_us: round(routerUs, 2),
	worker_text_ms: round(ofWorker, 2),
	worker_text_kib: round(Buffer.byteLength(whole) / 1024, 1),
	merging_ms: round(merging, 2),
};
printResult(
	"metrics",
	[
		["what", "CPU"],
		["counting a chat in its worker", `${figures.chat_in_worker_us} us`],
		["counting a request in the router", `${figures.chat_in_router_us} us`],
		[`a worker's text (${figures.worker_text_kib} KiB)`, `${figures.worker_text_ms} ms`],
		[`joining the texts of ${workers} workers`, `${figures.merging_ms} ms`],
		["a scrape of one worker, router and primary, all processes", `${underLoad.scrapeCpuMs} ms`],
		...underLoad.costs.map(({ cpuMs, label, middleHalf, more }) => [
			`a chat of bench:chat, ${label}`,
			`${cpuMs} ms, ${percent(more)} (${middleHalf.map(percent).join(" to ")})`,
		]),
	],
	{ workers, rounds, scrape_ms: scrapeMs, ...figures, under_load: underLoad },
);

function percent(share: number): string {
	return `${share < 0 ? "" : "+"}${round(share * 100, 1)} %`;
}
