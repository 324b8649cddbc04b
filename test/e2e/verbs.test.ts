// The operator's commands against a cluster of real processes: what they say, and what the cluster then does.
import OpenAI from "openai";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { runRollpin } from "../support/run-rollpin.js";
import { ServedCluster } from "../support/served-cluster.js";
import { until } from "../support/wait.js";

/** Of a test: each runs several programs one after the other. */
const DEADLINE_MS = 90_000;

let cluster: ServedCluster;
let url: string;
beforeAll(async () => {
	cluster = new ServedCluster();
	({ url } = await cluster.ready());
});
afterAll(() => cluster.stop());
beforeEach(() => cluster.sim.reset());

const rollpin = async (...args: string[]) => {
	const { code, stdout, stderr } = await runRollpin([...args, "--url", url]);
	return { code, text: stdout + stderr };
};
const create = async () => {
	const reply = await fetch(`${url}/sessions`, { method: "POST" });
	return { status: reply.status, ...((await reply.json()) as { session_id: string; worker: number }) };
};
const workersOf = async (count: number) => {
	const made = await Promise.all(Array.from({ length: count }, create));
	return new Set(made.map(({ worker }) => worker));
};
const chat = async (id: string, content: string) => {
	const reply = await fetch(`${url}/sessions/${id}/v1/chat/completions`, {
		method: "POST",
		headers: { "content-type": "application/json" },
		body: JSON.stringify({ model: "m", max_tokens: 64, messages: [{ role: "user", content }] }),
	});
	const { error } = (await reply.json()) as { error?: { code: string } };
	return [reply.status, error?.code ?? null];
};
const again = (pid: number) =>
	cluster.event("worker_ready", 20_000, (record) => record["worker_pid"] !== pid && record["epoch"] === 2);

test(
	"cancel ends what a session runs and what waits there, and keeps the session",
	async () => {
		const { session_id: id } = await create();
		expect(await chat(id, "one")).toEqual([200, null]);
		await cluster.sim.script({ gate: "held" });
		const held = chat(id, "two");
		await cluster.sim.arrivedAtGate("held");
		const waiting = chat(id, "three");
		await until("both in flight", 10_000, async () => {
			const { session } = (await (await fetch(`${url}/sessions/${id}`)).json()) as {
				session: { in_flight: number };
			};
			return session.in_flight === 2;
		});
		expect(await rollpin("cancel", id)).toEqual({ code: 0, text: `session ${id}: 2 chats ended\n` });
		expect([await held, await waiting]).toEqual(Array(2).fill([409, "chat_cancelled"]));
		await cluster.sim.waitForCounter("cancelled", { atLeast: 1 });
		expect(await rollpin("cancel", id)).toEqual({ code: 0, text: `session ${id}: nothing was running\n` });
		expect(await chat(id, "four")).toEqual([200, null]);
		const { records } = (await (await fetch(`${url}/sessions/${id}`)).json()) as { records: unknown[] };
		expect(records).toHaveLength(1);
		expect(await rollpin("cancel", "never-seen", "--json")).toEqual({
			code: 1,
			text: "rollpin: session not found: session_id=never-seen\n",
		});
		const { text } = await rollpin("cancel", id, "--json");
		expect(JSON.parse(text)).toEqual({ session_id: id, cancelled: 0 });
	},
	DEADLINE_MS,
);

test(
	"an OpenAI client does not send a cancelled chat again by itself",
	async () => {
		const { session_id: id } = await create();
		const client = new OpenAI({ baseURL: `${url}/sessions/${id}/v1`, apiKey: "none", maxRetries: 2 });
		await cluster.sim.script({ gate: "held" });
		const messages = [{ role: "user" as const, content: "one" }];
		const ended = client.chat.completions.create({ model: "m", messages }).catch((error: unknown) => error);
		await cluster.sim.arrivedAtGate("held");
		expect((await rollpin("cancel", id)).text).toBe(`session ${id}: 1 chat ended\n`);
		expect(await ended).toMatchObject({ status: 409, code: "chat_cancelled" });
		expect(cluster.all("chat_done").filter((record) => record["session_id"] === id)).toHaveLength(1);
	},
	DEADLINE_MS,
);

test(
	"sessions lists what is asked for, and show tells one of them, turn by turn and token by token",
	async () => {
		const make = async (metadata: object) => {
			const body = JSON.stringify({ metadata });
			const headers = { "content-type": "application/json" };
			const reply = await fetch(`${url}/sessions`, { method: "POST", headers, body });
			return ((await reply.json()) as { session_id: string }).session_id;
		};
		const id = await make({ task: "arc 17", list: 1 });
		for (let at = 0; at < 6; at++) await make({ task: "other", list: 1 });
		await cluster.sim.script({ text: "colour \u001b[31mred" });
		await chat(id, "paint it\u202e");
		await cluster.sim.script({ gate: "held" });
		const held = chat(id, "next");
		await cluster.sim.arrivedAtGate("held");
		const running = await rollpin("sessions", "--running", "--where", "task=arc 17", "--json");
		expect(JSON.parse(running.text)).toMatchObject({
			sessions: [{ session_id: id, in_flight: 1, running: 1 }],
			matched: 1,
			missing: [],
		});
		expect((await rollpin("sessions", "--where", "list=1", "--sort", "tokens", "--limit", "1")).text).toMatch(
			new RegExp(`^session .*\n${id} .* running .*\n\n1 of 7 sessions \\(--limit\\)\n$`),
		);
		const fine = await rollpin("status");
		expect([fine.code, fine.text]).toEqual([0, expect.stringMatching(/^rollpin.*: fine; health ok/)]);
		expect(fine.text).toMatch(new RegExp(`\n${id} +\\d+ +\\d+s +1\n$`));
		await cluster.sim.release("held");
		await held;
		const { code, text } = await rollpin("show", id, "--tokens");
		expect(code).toBe(0);
		expect(text).toContain("turn 0, SUPERSEDED by a retry: stop");
		expect(text).toMatch(/^ {2}prompt {2}\| paint it\\u\{202e\}/m);
		expect(text).toMatch(/^ {2}sampled \| colour \\e\[31mred/m);
		// biome-ignore lint/suspicious/noControlCharactersInRegex: none of it may be there
		expect(text).not.toMatch(/[\u001b\u202e]/);
		const { text: json } = await rollpin("show", id, "--json");
		expect(json).not.toContain("\u202e");
		expect(JSON.parse(json)).toMatchObject({
			session_id: id,
			turns: [{ messages: [{ content: "paint it\u202e" }] }, {}],
		});
		expect((await rollpin("show", "never")).code).toBe(1);
	},
	DEADLINE_MS,
);

test(
	"drain keeps new sessions from a worker, over its restart and the router's; its own sessions go on",
	async () => {
		const [, pinned] = await until("a session on each worker", 20_000, async () => {
			const made = [await create(), await create()].sort((a, b) => a.worker - b.worker);
			return made[0]?.worker === 0 && made[1]?.worker === 1 && made;
		});
		expect(await rollpin("drain", "--worker", "1")).toMatchObject({
			code: 0,
			text: expect.stringMatching(/^worker 1 gets no new sessions, .*; new ones go to worker 0\n$/),
		});
		expect(await workersOf(20)).toEqual(new Set([0]));
		expect(await chat(pinned?.session_id ?? "", "goes on")).toEqual([200, null]);
		const { workerPids, routerPid } = await cluster.ready();
		process.kill(workerPids[1] as number, "SIGKILL");
		await again(workerPids[1] as number);
		process.kill(routerPid, "SIGKILL");
		await cluster.event("router_ready", 20_000, (record) => record["epoch"] === 2);
		expect(await workersOf(20)).toEqual(new Set([0]));
		const both = await rollpin("drain", "--worker", "0", "--json");
		expect(JSON.parse(both.text)).toMatchObject({ worker: 0, drain: true, taking: [] });
		expect((await create()).status).toBe(503);
		expect((await rollpin("undrain", "--worker", "1")).text).toBe("worker 1 gets new sessions again\n");
		expect(await workersOf(20)).toEqual(new Set([1]));
		expect(await rollpin("drain", "--worker", "2")).toEqual({
			code: 1,
			text: "rollpin: no such worker: 2; they are numbered from 0 to 1\n",
		});
		expect(cluster.all("worker_drain").map(({ worker, drain }) => [worker, drain])).toEqual([
			[1, true],
			[0, true],
			[1, false],
		]);
	},
	DEADLINE_MS,
);
