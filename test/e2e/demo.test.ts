// The demo agents against a cluster of real processes: what they saw, the records, the engine's log and ours agree.
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type DemoResult, runDemo } from "../../src/demo/run-demo.js";
import type { LogRecord } from "../support/cluster-process.js";
import { type ReadyCluster, ServedCluster } from "../support/served-cluster.js";

const SESSIONS = 12;
const TURNS = 5;

let cluster: ServedCluster;
let at: ReadyCluster;

beforeEach(async () => {
	cluster = new ServedCluster();
	at = await cluster.ready();
});

afterEach(() => cluster.stop());

describe.each([
	["plain", 0],
	["streamed", 1],
	["half of them streamed", 2],
] as const)("%s replies", (_name, streamEvery) => {
	test("every recorded token is what was sent and sampled, at the agents, the engine and in the log", async () => {
		const result = await demo({ streamEvery, keep: true });
		expect(result.problems).toEqual([]);
		expect(result.turns).toBe(SESSIONS * TURNS);

		const listed = await list();
		expect(listed).toHaveLength(SESSIONS);
		// 12 sessions at random on 2 workers: all on one side once in 2048 runs, then more are created.
		expect(await workersThatGetSessions(listed.map(({ worker }) => worker))).toEqual([0, 1]);

		const sent = await cluster.sim.requests();
		const chats = sent.filter(({ target }) => target.startsWith("/v1/chat/completions"));
		expect(chats).toHaveLength(SESSIONS * TURNS);
		expect((await cluster.sim.counters()).generated).toBe(SESSIONS * TURNS);
		for (const { session_id: id } of listed) {
			const text = await (await fetch(`${at.url}/sessions/${id}`)).text();
			const own = chats.filter(({ headerLines }) => routingKey(headerLines) === id);
			expect(own).toHaveLength(TURNS);
			// The record of a request is the bytes that the engine was sent, in the order it was sent them.
			let from = 0;
			for (const { body } of own) {
				const recorded = body.toString("utf8").replace(/"rid":"[0-9a-f]{32}",/, "");
				const found = text.indexOf(`"request":${recorded}`, from);
				expect(found).toBeGreaterThanOrEqual(from);
				from = found + recorded.length;
			}
			const session = JSON.parse(text) as { records: Array<{ request: { input_ids: number[] } }> };
			expect(session.records.map(({ request }) => request)).toEqual(
				own.map(({ body }) => {
					const { rid: _ours, ...request } = JSON.parse(body.toString("utf8"));
					return request;
				}),
			);
		}

		cluster.signal("SIGTERM");
		expect(await cluster.exited).toEqual({ code: 0, signal: null });
		checkLog(cluster, listed.length);
	});
});

test("the demo leaves one whole session to look at, and no other unless it is told to", async () => {
	const result = await demo({ streamEvery: 3, keep: false });
	expect(result.problems).toEqual([]);
	expect(result.report).toMatch(/^all +12 +60 /m);
	const left = await list();
	expect(left.map(({ session_id: id }) => id)).toEqual([result.lookAt]);
	const read = await fetch(`${at.url}/sessions/${result.lookAt}`);
	expect(((await read.json()) as { records: unknown[] }).records).toHaveLength(TURNS);
});

test("the demo sees a token that is not what was sampled", async () => {
	// The engine answers one turn with ids of its own choice; the agent's next prompt must carry exactly those.
	await cluster.sim.script({ text: "an answer", ids: [5, 6, 7], match: { body: "step 0" } });
	const result = await demo({ streamEvery: 0, keep: true, sessions: 1, turns: 2 });
	expect(result.problems).toEqual([]);
	const [session] = await list();
	const read = (await (await fetch(`${at.url}/sessions/${session?.session_id}`)).json()) as {
		records: Array<{ request: { input_ids: number[] } }>;
	};
	const first = read.records[0]?.request.input_ids ?? [];
	expect(read.records[1]?.request.input_ids.slice(first.length, first.length + 3)).toEqual([5, 6, 7]);
});

function demo(options: {
	streamEvery: number;
	keep: boolean;
	sessions?: number;
	turns?: number;
}): Promise<DemoResult> {
	return runDemo(
		{ url: at.url, sessions: SESSIONS, turns: TURNS, maxTokens: 64, authToken: null, ...options },
		() => undefined,
	);
}

interface Listed {
	session_id: string;
	worker: number;
}

/** Every page of the list. */
async function list(): Promise<Listed[]> {
	const found: Listed[] = [];
	let cursor: string | null = null;
	do {
		const query: string = cursor === null ? "" : `&cursor=${encodeURIComponent(cursor)}`;
		const reply = await fetch(`${at.url}/sessions?limit=5${query}`);
		const page = (await reply.json()) as { sessions: Listed[]; next_cursor: string | null };
		found.push(...page.sessions);
		cursor = page.next_cursor;
	} while (cursor !== null);
	return found;
}

async function workersThatGetSessions(seen: readonly number[]): Promise<number[]> {
	const workers = new Set(seen);
	for (let tries = 0; workers.size < 2 && tries < 50; tries++) {
		const reply = await fetch(`${at.url}/sessions`, { method: "POST" });
		workers.add(((await reply.json()) as { worker: number }).worker);
	}
	return [...workers].sort();
}

function routingKey(headerLines: readonly string[]): string {
	const keys = headerLines.filter((line) => /^x-smg-routing-key: /i.test(line));
	expect(keys).toHaveLength(1);
	return (keys[0] ?? "").replace(/^[^:]+: /, "");
}

function checkLog(served: ServedCluster, sessions: number): void {
	expect(served.strayLines).toEqual([]);
	expect(served.stderr).toBe("");
	for (const record of served.records) {
		expect(record).toMatchObject({
			pid: expect.any(Number),
			role: expect.stringMatching(/^(primary|router|worker|sim)$/),
			level: expect.stringMatching(/^(debug|info|warn|error)$/),
			event: expect.any(String),
			msg: expect.any(String),
		});
		expect(new Date(String(record["time"])).toISOString()).toBe(record["time"]);
	}
	const starts = served.all("chat_start");
	const ends = served.all("chat_done");
	expect(starts).toHaveLength(SESSIONS * TURNS);
	expect(ends).toHaveLength(SESSIONS * TURNS);
	expect(new Set(starts.map(reqId)).size).toBe(SESSIONS * TURNS);
	expect(ends.map(reqId).sort()).toEqual(starts.map(reqId).sort());
	for (const end of ends) {
		expect(end).toMatchObject({ status: 200, code: null, role: "worker", worker: expect.any(Number) });
		expect(Number(end["total_ms"])).toBeGreaterThanOrEqual(Number(end["proxy_elapsed_ms"]));
		// All but the first turn of a session reuse the tokens of the turns before.
		expect(Number(end["reused_tokens"]) > 0).toBe(end["turn"] !== 0);
	}
	expect(ends.filter((end) => end["turn"] === 0)).toHaveLength(sessions);
}

function reqId(record: LogRecord): string {
	expect(record["req_id"]).toMatch(/^[0-9a-f]{8}$/);
	return String(record["req_id"]);
}
