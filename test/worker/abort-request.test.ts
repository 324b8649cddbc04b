// A turn that nobody wants any more is told to the engine at once, under a rid that only this attempt had.
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { httpReply, type RawEngine, type RawRequest, startRawEngine } from "../support/raw-engine.js";
import { until } from "../support/wait.js";
import { startRig, type WorkerRig } from "../support/worker-rig.js";

/** SGLang looks for lost clients every 2 s. */
const BEFORE_THE_ENGINE_LOOKS_MS = 1_000;
const CHAT = { model: "m", rid: "the client's", messages: [{ role: "user", content: "hello" }] };

let rig: WorkerRig;
let engine: RawEngine;
let answerChat: (request: RawRequest) => void;
let answerAbort: (request: RawRequest) => void;
/** When the last notice came. */
let abortedAt: number;

const isAbort = (request: RawRequest) => /^POST \/base\/abort_request /.test(request.head);
const aborts = () => engine.requests.filter(isAbort);
const chats = () => engine.requests.filter((request) => !isAbort(request));
const ridOf = (request: RawRequest | undefined) =>
	(JSON.parse(request?.body.toString() ?? "") as { rid: string }).rid;
const goodReply = ({ body }: RawRequest): Buffer => {
	const { rid, input_ids: ids } = JSON.parse(body.toString()) as { rid: string; input_ids: number[] };
	const meta = { prompt_tokens: ids.length, completion_tokens: 1, output_token_logprobs: [[-1, 5, null]] };
	const choice = { message: { role: "assistant", content: "x" }, finish_reason: "stop", meta_info: meta };
	return httpReply(JSON.stringify({ id: rid, choices: [choice] }));
};

beforeEach(async () => {
	answerChat = () => undefined;
	answerAbort = ({ socket }) => socket.write(httpReply("", "200 OK"));
	engine = await startRawEngine((request) => {
		if (!isAbort(request)) return answerChat(request);
		abortedAt = performance.now();
		answerAbort(request);
	});
	rig = await startRig({ upstream: `${engine.url}/base`, upstreamTimeoutMs: 60_000 });
});
afterEach(async () => {
	await engine.close();
	await rig.close();
});

async function expectOneAbort(sinceMs: number, rid: string): Promise<void> {
	await until("the notice", BEFORE_THE_ENGINE_LOOKS_MS, () => aborts().length === 1);
	expect(abortedAt - sinceMs).toBeLessThan(BEFORE_THE_ENGINE_LOOKS_MS);
	expect(ridOf(aborts()[0])).toBe(rid);
}

describe("the engine is told of a turn that ends by", () => {
	it.each([
		["a DELETE", (_stop: AbortController) => rig.request("DELETE", "/sessions/a"), 410],
		["a cancel", (_stop: AbortController) => rig.request("POST", "/sessions/a/cancel"), 409],
		["a client that goes away", async (stop: AbortController) => stop.abort(), null],
	])("%s", async (_name, end, status) => {
		const stop = new AbortController();
		const chat = rig.chat("a", CHAT, { signal: stop.signal }).catch(() => null);
		const [held] = await until("the chat at the engine", 5_000, () => chats().length === 1 && chats());
		const at = performance.now();
		await end(stop);
		await expectOneAbort(at, ridOf(held));
		expect(aborts()[0]?.head).toMatch(/x-smg-routing-key: a/i);
		expect((await chat)?.status ?? null).toBe(status);
		await held?.closed;
	});

	it("the upstream deadline", async () => {
		await rig.close();
		rig = await startRig({ upstream: `${engine.url}/base`, upstreamTimeoutMs: 200 });
		const at = performance.now();
		expect((await rig.chat("a", CHAT)).json.error?.code).toBe("upstream_timeout");
		await expectOneAbort(at + 200, ridOf(chats()[0]));
	});

	it("the session's own deadline", async () => {
		const id = await rig.create({ ttl_seconds: 1 });
		const at = performance.now();
		expect((await rig.chat(id, CHAT)).json.error?.code).toBe("session_expired");
		await expectOneAbort(at + 1_000, ridOf(chats()[0]));
	});

	it("the worker's own end, before its connections go", async () => {
		const chat = rig.chat("a", CHAT).catch(() => null);
		await until("the chat at the engine", 5_000, () => chats().length === 1);
		await rig.restart();
		expect(aborts().map(ridOf)).toEqual([ridOf(chats()[0])]);
		await chat;
	});
});

describe("no notice goes out for", () => {
	it("turns that end by themselves, whatever their end", async () => {
		const ends: Array<(request: RawRequest) => void> = [
			(request) => request.socket.write(goodReply(request)),
			({ socket }) => socket.write(httpReply('{"message":"no"}', "400 Bad Request")),
			({ socket }) => socket.write(httpReply("{}")),
			({ socket }) => void socket.resetAndDestroy(),
		];
		for (const end of ends) {
			answerChat = end;
			await rig.chat("a", CHAT);
		}
		answerChat = ({ socket }) => void socket.resetAndDestroy();
		await rig.request("DELETE", "/sessions/a");
		expect(chats()).toHaveLength(ends.length);
		expect(aborts()).toEqual([]);
	});
});

describe("the notice", () => {
	it("delays no answer and counts as no failure when the engine never answers it", async () => {
		answerAbort = () => undefined;
		for (let at = 1; at <= 6; at++) {
			const stop = new AbortController();
			const chat = rig.chat("a", CHAT, { signal: stop.signal }).catch(() => null);
			await until("the chat at the engine", 5_000, () => chats().length === at);
			stop.abort();
			await chat;
			await until("the notice", BEFORE_THE_ENGINE_LOOKS_MS, () => aborts().length === at);
		}
		answerChat = (request) => request.socket.write(goodReply(request));
		const startedMs = performance.now();
		expect((await rig.chat("a", CHAT)).status).toBe(200);
		expect(performance.now() - startedMs).toBeLessThan(1_500);
	});

	it("has another rid for each attempt, all of one length, none of them the client's", async () => {
		answerChat = (request) => request.socket.write(goodReply(request));
		for (let at = 0; at < 5; at++) await rig.chat(`s${at % 2}`, CHAT);
		const rids = chats().map(ridOf);
		expect(new Set(rids).size).toBe(5);
		for (const rid of rids) expect(rid).toMatch(/^[0-9a-f]{32}$/);
		const { records } = (await rig.request("GET", "/sessions/s1")).json;
		expect(records.map((record) => record.response.id)).toEqual([rids.at(3)]);
		expect(records[0]?.request).not.toHaveProperty("rid");
	});
});
