// How long a cluster takes to be ready over many stored sessions, and whether it knows their deadlines then.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "undici";
import { packageRoot } from "../../src/base/package-root.js";
import { TOY_CHECKPOINT } from "../support/worker-rig.js";
import { startBenchCluster } from "./cluster.js";
import { diskBytes } from "./deletion.js";
import type { EngineAlone } from "./engine-alone.js";
import { printResult, round } from "./output.js";
import { startRole } from "./processes.js";

/** Made last, and due while no cluster runs. */
const DUE = 100;
const DUE_TTL_S = 15;
const AT_ONCE = 64;
const ASKED = 500;

export async function measureStart(count: number): Promise<void> {
	const dataDir = mkdtempSync(join(tmpdir(), "rollpin-bench-start-"));
	const engine = await startRole<EngineAlone>("engine-alone", []);
	const start = async () => {
		const startedMs = performance.now();
		const cluster = await startBenchCluster({
			home: packageRoot(),
			upstream: engine.ready.url,
			checkpointDir: TOY_CHECKPOINT,
			backends: 1,
			dataDir,
			serveArgs: ["--max-sessions", "10000000"],
		});
		return { cluster, readyMs: performance.now() - startedMs };
	};
	try {
		const first = await start();
		const createdMs = performance.now();
		const kept = await create(first.cluster.url, count, "{}");
		const createS = (performance.now() - createdMs) / 1000;
		const due = await create(first.cluster.url, DUE, `{"ttl_seconds":${DUE_TTL_S}}`);
		const dueMs = performance.now() + DUE_TTL_S * 1000;
		await first.cluster.stop();
		await sleep(Math.max(0, dueMs - performance.now()));
		const again = await start();
		// Asked at once: what a start has not restored by now, it would get wrong.
		const keptStatuses = await statuses(again.cluster.url, spread(kept));
		const dueStatuses = await statuses(again.cluster.url, spread(due));
		const end = await again.cluster.processes.get("worker")?.measure();
		const worker = await end?.();
		await again.cluster.stop();
		const result = {
			sessions: count,
			due: DUE,
			create_s: round(createS, 1),
			empty_ready_ms: round(first.readyMs, 0),
			ready_ms: round(again.readyMs, 0),
			kept_asked: keptStatuses.length,
			kept_there: keptStatuses.filter((status) => status === 200).length,
			due_asked: dueStatuses.length,
			due_gone: dueStatuses.filter((status) => status === 410 || status === 404).length,
			data_dir_mib: round(diskBytes(dataDir) / 1024 ** 2, 1),
			rss_mib: worker?.rssMib ?? Number.NaN,
		};
		printResult("start", [Object.keys(result), Object.values(result)], result);
	} finally {
		await engine.stop();
		rmSync(dataDir, { recursive: true, force: true });
	}
}

/** Sessions of one turn each: one without is a record among others, not a file. */
async function create(url: string, count: number, body: string): Promise<string[]> {
	const ids: string[] = [];
	let asked = 0;
	const turn = JSON.stringify({ model: "m", messages: [{ role: "user", content: "hi" }], max_tokens: 8 });
	await Promise.all(
		Array.from({ length: AT_ONCE }, async () => {
			const client = new Client(url);
			while (asked++ < count) {
				const { session_id: id } = JSON.parse(await post(client, "/sessions", body)) as {
					session_id: string;
				};
				await post(client, `/sessions/${id}/v1/chat/completions`, turn);
				ids.push(id);
			}
			await client.close();
		}),
	);
	return ids;
}

async function post(client: Client, path: string, body: string): Promise<string> {
	const headers = { "content-type": "application/json" };
	const reply = await client.request({ method: "POST", path, headers, body });
	const text = await reply.body.text();
	if (reply.statusCode !== 200) throw new Error(`POST ${path} answered ${reply.statusCode}: ${text}`);
	return text;
}

function spread(ids: readonly string[]): string[] {
	const step = Math.max(1, Math.floor(ids.length / ASKED));
	return ids.filter((_, at) => at % step === 0);
}

async function statuses(url: string, ids: readonly string[]): Promise<number[]> {
	const client = new Client(url);
	const found: number[] = [];
	for (const id of ids) {
		const reply = await client.request({ method: "GET", path: `/sessions/${id}` });
		await reply.body.dump();
		found.push(reply.statusCode);
	}
	await client.close();
	return found;
}
