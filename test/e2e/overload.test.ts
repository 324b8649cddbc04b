// Three times as many chats as the workers may carry: what is over the bound is refused at once, the rest is served.
import { afterAll, beforeAll, expect, test } from "vitest";
import type { SessionId } from "../../src/base/ids.js";
import { PartitionMap } from "../../src/base/partitions.js";
import { ServedCluster } from "../support/served-cluster.js";

/** As ServedCluster starts them. */
const BACKENDS = 2;
const MAX_INFLIGHT = 4;
const OVERLOAD = 3;

/** By the worker, or before it by the router, which holds so many requests of a worker and no more. */
const REFUSALS = [
	[429, "too_many_requests"],
	[503, "worker_unavailable"],
];

let cluster: ServedCluster;
let url: string;
beforeAll(async () => {
	cluster = new ServedCluster(["--max-inflight", `${MAX_INFLIGHT}`]);
	({ url } = await cluster.ready());
}, 30_000);
afterAll(() => cluster.stop());

/** As many ids for each worker. */
function idsPerWorker(count: number): string[] {
	const ids: string[] = [];
	const partitions = new PartitionMap(BACKENDS);
	for (let worker = 0; worker < BACKENDS; worker++) {
		for (let number = 0, found = 0; found < count; number++) {
			const id = `overload-${number}`;
			if (partitions.workerOf(id as SessionId) !== worker) continue;
			ids.push(id);
			found++;
		}
	}
	return ids;
}

interface Answer {
	id: string;
	status: number;
	code: string | null;
	retryAfter: string | null;
}

async function chat(id: string, content: string): Promise<Answer> {
	const reply = await fetch(`${url}/sessions/${id}/v1/chat/completions`, {
		method: "POST",
		headers: { "content-type": "application/json" },
		body: JSON.stringify({ model: "m", max_tokens: 8, messages: [{ role: "user", content }] }),
	});
	const body = (await reply.json()) as { error?: { code: string } };
	return {
		id,
		status: reply.status,
		code: body.error?.code ?? null,
		retryAfter: reply.headers.get("retry-after"),
	};
}

const turnsOf = async (id: string): Promise<number> => {
	const reply = await fetch(`${url}/sessions/${id}`);
	return ((await reply.json()) as { records: unknown[] }).records.length;
};

test("at three times the bound every chat within it succeeds, the others get 429 or 503 with Retry-After and change nothing", async () => {
	const places = BACKENDS * MAX_INFLIGHT;
	await cluster.sim.script({ gate: "held", times: places });
	const ids = idsPerWorker(MAX_INFLIGHT * OVERLOAD);
	const settled = new Set<Answer>();
	const chats = ids.map(async (id) => {
		const answer = await chat(id, "first");
		settled.add(answer);
		return answer;
	});
	await cluster.sim.arrivedAtGate("held", places);
	// While the admitted ones are held, everything else is answered, and nothing else.
	await expect.poll(() => settled.size, { timeout: 10_000 }).toBe(places * (OVERLOAD - 1));
	for (const { status, code, retryAfter } of settled) {
		expect(REFUSALS).toContainEqual([status, code]);
		expect(retryAfter).toBe("1");
	}
	const health = await fetch(`${url}/health`);
	expect([health.status, ((await health.json()) as { status: string }).status]).toEqual([200, "ok"]);

	await cluster.sim.release("held");
	const answers = await Promise.all(chats);
	const admitted = answers.filter(({ status }) => status === 200);
	expect(admitted).toHaveLength(places);
	for (const { id, status } of answers) expect(await turnsOf(id)).toBe(status === 200 ? 1 : 0);
	expect((await cluster.sim.counters()).started).toBe(places);

	for (const { id } of answers.filter(({ status }) => status !== 200)) {
		expect((await chat(id, "again")).status).toBe(200);
		expect(await turnsOf(id)).toBe(1);
	}
}, 60_000);
