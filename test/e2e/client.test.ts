// What a client sees of a cluster of real processes: the openai package, fetch, and raw bytes where neither will do.
import OpenAI from "openai";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { rawRequest } from "../support/raw-client.js";
import { type ReadyCluster, ServedCluster } from "../support/served-cluster.js";
import { until, within } from "../support/wait.js";

let cluster: ServedCluster;
let at: ReadyCluster;
let minted = 0;

beforeAll(async () => {
	cluster = new ServedCluster(["--heartbeat-interval", "1"]);
	at = await cluster.ready();
});

afterAll(() => cluster.stop());

afterEach(() => cluster.sim.reset());

type Messages = OpenAI.Chat.Completions.ChatCompletionMessageParam[];

const HELLO: Messages = [{ role: "user", content: "hello" }];
const TOOLS: OpenAI.Chat.Completions.ChatCompletionTool[] = [
	{
		type: "function",
		function: {
			name: "get_weather",
			description: "The weather of a city",
			parameters: {
				type: "object",
				properties: { city: { type: "string" }, days: { type: "integer" } },
				required: ["city"],
			},
		},
	},
];

/** A fresh id that belongs to the given worker of two. */
function idOn(worker: 0 | 1): string {
	return `0${worker}${(minted++).toString(16).padStart(30, "0")}`;
}

function clientOf(id: string): OpenAI {
	return new OpenAI({
		baseURL: `${at.url}/sessions/${id}/v1`,
		apiKey: "none",
		maxRetries: 0,
		timeout: 20_000,
	});
}

function chat(id: string, messages: Messages, options?: OpenAI.RequestOptions) {
	return clientOf(id).chat.completions.create({ model: "m", messages, max_tokens: 8 }, options);
}

async function failure(work: Promise<unknown>): Promise<InstanceType<typeof OpenAI.APIError>> {
	const error = await work.then(
		() => null,
		(reason: unknown) => reason,
	);
	if (!(error instanceof OpenAI.APIError)) throw new Error("the client saw no API error", { cause: error });
	return error;
}

interface SessionJson {
	records: Array<{ request: { input_ids: number[]; messages: unknown[] } }>;
	session?: { turns: number; in_flight: number };
}

async function read(id: string): Promise<SessionJson> {
	return (await (await fetch(`${at.url}/sessions/${id}`)).json()) as SessionJson;
}

async function turnsOf(id: string): Promise<number> {
	return (await read(id)).records.length;
}

describe("the openai client", () => {
	test("gets its error classes, codes and request ids, and nothing changes", async () => {
		const id = idOn(0);
		const first = await chat(id, HELLO);
		const assistant = first.choices[0]?.message;
		if (assistant === undefined) throw new Error("no choice");

		// One turn may be taken back, two may not: the third request leaves the history before both.
		const next: Messages = [...HELLO, assistant, { role: "user", content: "more" }];
		const second = (await chat(id, next)).choices[0]?.message;
		if (second === undefined) throw new Error("no choice");
		const mismatch = await failure(
			chat(id, [{ role: "user", content: "other" }, assistant, ...next.slice(2), second]),
		);
		expect(mismatch).toBeInstanceOf(OpenAI.BadRequestError);
		expect(mismatch).toMatchObject({ status: 400, code: "history_mismatch", type: "invalid_request_error" });
		expect(mismatch.requestID).toMatch(/^[\w-]+$/);
		expect(await turnsOf(id)).toBe(2);

		const empty = await failure(chat(id, []));
		expect(empty).toMatchObject({ status: 400, code: "invalid_messages" });

		const bad = await failure(chat("a~b", HELLO));
		expect(bad).toMatchObject({ status: 400, code: "invalid_id" });

		const path = await failure(clientOf(id).files.list());
		expect(path).toBeInstanceOf(OpenAI.NotFoundError);
		expect(path).toMatchObject({ status: 404, code: "not_found" });

		expect((await fetch(`${at.url}/sessions/${id}`, { method: "DELETE" })).status).toBe(204);
		const deleted = await failure(chat(id, HELLO));
		expect(deleted).toBeInstanceOf(OpenAI.NotFoundError);
		expect(deleted).toMatchObject({ status: 404, code: "session_deleted" });
		expect(deleted.message).toContain(`session not found: session_id=${id} (deleted)`);
	});

	test("sees the engine's own refusal as the engine said it", async () => {
		const id = idOn(1);
		const body = JSON.stringify({ error: { message: "input is too long", type: "BadRequest", code: 400 } });
		await cluster.sim.script({ status: 400, body, headers: [["content-type", "application/json"]] });
		const refused = await failure(chat(id, HELLO));
		expect(refused).toMatchObject({ status: 400, code: 400, type: "BadRequest" });
		expect(await turnsOf(id)).toBe(0);
	});

	test("sees an engine that breaks off as 502, and may repeat the chat", async () => {
		const id = idOn(0);
		await cluster.sim.script({ fault: "reset-inside" });
		const broken = await failure(chat(id, HELLO));
		expect(broken).toBeInstanceOf(OpenAI.InternalServerError);
		expect(broken).toMatchObject({ status: 502, code: "upstream_unreachable" });
		expect((await chat(id, HELLO)).choices).toHaveLength(1);
		expect(await turnsOf(id)).toBe(1);
	});

	test("repeats by itself what failed for the moment, with its default retries", async () => {
		const id = idOn(1);
		await cluster.sim.script({ fault: "reset-before" });
		const client = new OpenAI({ baseURL: `${at.url}/sessions/${id}/v1`, apiKey: "none" });
		const reply = await client.chat.completions.create({ model: "m", messages: HELLO, max_tokens: 4 });
		expect(reply.choices).toHaveLength(1);
		expect(await turnsOf(id)).toBe(1);
		expect((await cluster.sim.counters()).arrivals).toBe(2);
	});

	test("gets the committed reply again for the same Idempotency-Key, without a second generation", async () => {
		const id = idOn(0);
		const options = { headers: { "Idempotency-Key": "turn-1" } };
		const first = await chat(id, HELLO, options);
		const again = await chat(id, HELLO, options);
		expect(again).toEqual(first);
		expect((await cluster.sim.counters()).generated).toBe(1);
		expect(await turnsOf(id)).toBe(1);
		const other = await failure(chat(id, [{ role: "user", content: "other" }], options));
		expect(other).toMatchObject({ status: 422, code: "idempotency_mismatch" });
	});

	test("streams: one chunk with everything and [DONE], the same as the plain reply", async () => {
		const id = idOn(1);
		const stream = await clientOf(id).chat.completions.create({
			model: "m",
			messages: HELLO,
			max_tokens: 8,
			stream: true,
			stream_options: { include_usage: true },
		});
		let content = "";
		let finish: string | null = null;
		for await (const chunk of stream) {
			expect(chunk.object).toBe("chat.completion.chunk");
			content += chunk.choices[0]?.delta.content ?? "";
			finish = chunk.choices[0]?.finish_reason ?? finish;
		}
		expect(content.length).toBeGreaterThan(0);
		expect(finish).toMatch(/^(stop|length)$/);
		// The agent goes on from what it heard.
		await chat(id, [...HELLO, { role: "assistant", content }, { role: "user", content: "more" }]);
		expect(await turnsOf(id)).toBe(2);
		const [sent] = await cluster.sim.requests();
		expect(Object.keys(JSON.parse(sent?.body.toString() ?? "{}") as object)).not.toContain("stream_options");
	});

	test("sees an error before the stream as a status, not inside the stream", async () => {
		await cluster.sim.script({ fault: "garbage" });
		const request = { model: "m", messages: HELLO, stream: true } as const;
		const error = await failure(clientOf(idOn(0)).chat.completions.create(request));
		expect(error).toMatchObject({ status: 502, code: "upstream_invalid" });
	});

	test("calls tools and answers them, plain and streamed", async () => {
		const id = idOn(0);
		const messages: Messages = [{ role: "user", content: "weather in Oslo?" }];
		const create = clientOf(id).chat.completions;
		const first = await create.create({ model: "m", messages, tools: TOOLS });
		const call = first.choices[0]?.message.tool_calls?.[0];
		expect(first.choices[0]?.finish_reason).toBe("tool_calls");
		if (first.choices[0] === undefined || call?.type !== "function") throw new Error("no tool call");
		expect(call.function.name).toBe("get_weather");
		expect(JSON.parse(call.function.arguments)).toHaveProperty("city");
		messages.push(first.choices[0].message, { role: "tool", tool_call_id: call.id, content: "rain" });
		const second = await create.create({ model: "m", messages, tools: TOOLS, max_tokens: 16 });
		if (second.choices[0] === undefined) throw new Error("no choice");
		expect(await turnsOf(id)).toBe(2);

		const streaming = idOn(1);
		const stream = clientOf(streaming).chat.completions.stream({
			model: "m",
			messages: [{ role: "user", content: "weather in Oslo?" }],
			tools: TOOLS,
		});
		const message = (await stream.finalChatCompletion()).choices[0]?.message;
		expect(message?.tool_calls?.[0]).toMatchObject({ type: "function", function: { name: "get_weather" } });
	});

	test("lists the engine's models through the session's address", async () => {
		const models = await clientOf(idOn(0)).models.list();
		expect(models.data.map(({ id }) => id)).toEqual(["rollpin-sim"]);
		const [asked] = (await cluster.sim.requests()).filter(({ target }) => target === "/v1/models");
		expect(asked?.headerLines.some((line) => /^authorization:/i.test(line))).toBe(false);
	});
});

describe("the front", () => {
	test("answers a wrong method with 405 and Allow", async () => {
		const cases: Array<[string, string, string]> = [
			["PUT", "/sessions", "GET, HEAD, POST"],
			["POST", `/sessions/${idOn(0)}`, "DELETE, GET, HEAD"],
			["GET", `/sessions/${idOn(0)}/v1/chat/completions`, "POST"],
			["DELETE", "/health", "GET, HEAD"],
		];
		for (const [method, path, allow] of cases) {
			const reply = await fetch(at.url + path, { method });
			expect([path, reply.status, reply.headers.get("allow")]).toEqual([path, 405, allow]);
			expect(await reply.json()).toMatchObject({ error: { code: "method_not_allowed" } });
		}
	});

	test("refuses bad ids and paths and creates nothing", async () => {
		const before = await sessionCount();
		for (const target of [
			"/sessions/.hidden/v1/chat/completions",
			`/sessions/${"x".repeat(129)}/v1/chat/completions`,
			"/sessions/a%2Fb/v1/chat/completions",
			"/sessions/a/../b/v1/chat/completions",
			"/sessions/a%2e%2e/v1/chat/completions",
			"/sessions//v1/chat/completions",
		]) {
			const body = JSON.stringify({ messages: HELLO });
			const head = `POST ${target} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`;
			const reply = await rawRequest(at.port, head + body);
			expect([target, reply.status]).toEqual([target, 400]);
			expect(JSON.parse(reply.body)).toMatchObject({ error: { code: expect.stringMatching(/^invalid_/) } });
		}
		expect(await sessionCount()).toBe(before);
	});

	test("refuses bodies that are no chat, and creates nothing", async () => {
		const id = idOn(1);
		for (const [body, code, headers] of [
			["{", "invalid_json", {}],
			["[]", "invalid_json", {}],
			['{"messages":{}}', "invalid_messages", {}],
			['{"messages":[{"role":"nobody","content":"x"}]}', "invalid_messages", {}],
			['{"messages":[{"role":"user","content":"x"}],"n":2}', "invalid_request", {}],
			['{"messages":[]}', "unsupported_media_type", { "content-encoding": "gzip" }],
		] as Array<[string, string, Record<string, string>]>) {
			const reply = await fetch(`${at.url}/sessions/${id}/v1/chat/completions`, {
				method: "POST",
				headers: { "content-type": "application/json", ...headers },
				body,
			});
			expect([body, reply.status >= 400 && reply.status < 500]).toEqual([body, true]);
			const { error } = (await reply.json()) as { error: { code: string } };
			expect([body, error.code]).toEqual([body, code]);
		}
		expect((await read(id)).session).toBeUndefined();
		expect((await cluster.sim.counters()).arrivals).toBe(0);
	});

	test("takes a message of 20 MiB through to the engine and gives it back byte for byte", async () => {
		const id = idOn(0);
		const line = "The quick brown fox; ünïcödé 例 🦊, \\u0041 escapes, 1.0 and 1e-07.\\n";
		const attachment = line.repeat(Math.ceil((20 * 1024 * 1024) / Buffer.byteLength(line)));
		const content = line.repeat(2_000);
		// Spelled by hand: what arrives must be these bytes. The template does not render the attachment.
		const messages = `[{"role":"user","attachment":"${attachment}","content":"${content}"}]`;
		const reply = await fetch(`${at.url}/sessions/${id}/v1/chat/completions`, {
			method: "POST",
			headers: { "content-type": "application/json" },
			body: `{"messages":${messages},"max_tokens":2}`,
		});
		expect(reply.status).toBe(200);
		const sent = (await cluster.sim.requests()).find(({ target }) => target === "/v1/chat/completions");
		expect(sent?.body.includes(`"messages":${messages}`)).toBe(true);
		const back = Buffer.from(await (await fetch(`${at.url}/sessions/${id}`)).arrayBuffer());
		expect(back.includes(`"messages":${messages}`)).toBe(true);
		expect(await turnsOf(id)).toBe(1);
	});

	test("refuses a body over the bound with 413 before it comes", async () => {
		const declared = "POST /sessions/x HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999\r\n\r\n";
		expect(await rawRequest(at.port, declared)).toMatchObject({ status: 413, closed: true });
	});

	test("a body over a worker's own bound is 413 each time: the worker does not hang up on the router that still sends", async () => {
		const size = 1_500_000;
		const chunked = `POST /sessions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n${size.toString(16)}\r\n${"x".repeat(size)}\r\n0\r\n\r\n`;
		const declared = `POST /sessions HTTP/1.1\r\nHost: x\r\nContent-Length: ${size}\r\n\r\n${"x".repeat(size)}`;
		for (let round = 0; round < 8; round++) {
			expect(await rawRequest(at.port, chunked)).toMatchObject({ status: 413 });
			expect(await rawRequest(at.port, declared)).toMatchObject({ status: 413 });
		}
	});

	test("answers /health within 50 ms while every worker works, and the list of sessions still comes", async () => {
		const ids = Array.from({ length: 24 }, (_, i) => idOn((i % 2) as 0 | 1));
		const long = "word ".repeat(20_000);
		let open = ids.length;
		const chats = ids.map((id) =>
			chat(id, [{ role: "user", content: long }]).finally(() => {
				open--;
			}),
		);
		const slowest: number[] = [];
		while (open > 0) {
			const startedMs = performance.now();
			const reply = await fetch(`${at.url}/health`);
			slowest.push(performance.now() - startedMs);
			expect(reply.status).toBe(200);
			expect(await reply.json()).toMatchObject({ status: "ok", workers: { ready: 2, total: 2 } });
		}
		await Promise.all(chats);
		slowest.sort((a, b) => a - b);
		expect(slowest.length).toBeGreaterThan(10);
		// Two cores carry the workers, the engine and this test: the median is the router's, the tail the machine's.
		expect(slowest[slowest.length >> 1]).toBeLessThan(50);
	});
});

describe("a session that is deleted while its chat runs", () => {
	test("answers the chat with 410, cancels the engine's work, and stays deleted", async () => {
		const id = idOn(1);
		await chat(id, HELLO);
		await cluster.sim.script({ gate: "deleted" });
		const running = failure(chat(id, HELLO));
		await cluster.sim.arrivedAtGate("deleted");
		expect((await fetch(`${at.url}/sessions/${id}`, { method: "DELETE" })).status).toBe(204);
		expect(await within("the chat's end", 3_000, running)).toMatchObject({
			status: 410,
			code: "session_closed",
		});
		await cluster.sim.waitForCounter("cancelled", { atLeast: 1 }, 3_000);
		expect((await fetch(`${at.url}/sessions/${id}`)).status).toBe(404);
		expect((await fetch(`${at.url}/sessions/${id}`, { method: "DELETE" })).status).toBe(404);
		const done = await until("its chat_done", 3_000, () =>
			cluster.all("chat_done").find((record) => record["session_id"] === id && record["status"] === 410),
		);
		expect(done).toMatchObject({ code: "session_closed" });
	});
});

async function sessionCount(): Promise<number> {
	const reply = await fetch(`${at.url}/sessions?limit=1000`);
	return ((await reply.json()) as { sessions: unknown[] }).sessions.length;
}
