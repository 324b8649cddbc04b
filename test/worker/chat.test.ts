import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type RecordJson, type Reply, startRig, type WorkerRig } from "../support/worker-rig.js";

let rig: WorkerRig;
beforeAll(async () => {
	rig = await startRig({ r3: "full" });
});
afterAll(() => rig.close());
beforeEach(() => rig.control.reset());

const user = (content: string) => ({ role: "user", content });
const say = (...messages: object[]) => ({ model: "m", messages, max_tokens: 12 });
const reply = (answer: Reply) => answer.json.choices[0]?.message as { role: string; content: string };
const sampled = (record: RecordJson) =>
	record.response.choices[0]?.meta_info.output_token_logprobs.map((entry) => entry[1]);
const read = async (id: string, query = "") => (await rig.request("GET", `/sessions/${id}${query}`)).json;

describe("a chat turn", () => {
	it("records exactly what was sent and sampled, turn by turn", async () => {
		const id = await rig.create();
		const first = await rig.chat(id, say(user("one")));
		expect(first.status).toBe(200);
		const second = await rig.chat(id, say(user("one"), reply(first), user("two")));
		const third = await rig.chat(
			id,
			say(user("one"), reply(first), user("two"), reply(second), user("three")),
		);
		expect([second.status, third.status]).toEqual([200, 200]);
		const { records, metadata, session } = await read(id);
		expect(records).toHaveLength(3);
		let stored: number[] = [];
		for (const record of records) {
			expect(record.request.input_ids.slice(0, stored.length)).toEqual(stored);
			expect(record.request.input_ids.length).toBeGreaterThan(stored.length);
			stored = [...record.request.input_ids, ...(sampled(record) ?? [])];
		}
		expect(metadata.accumulated_token_ids).toEqual(stored);
		expect(session).toMatchObject({ turns: 3, in_flight: 0, worker: 0 });
	});

	it("sends the engine what it records: its log of bodies, but for the rid, equals the records' requests", async () => {
		const id = await rig.create();
		const first = await rig.chat(id, say(user("a"), { role: "system", content: "weird \\u00e9 é" }));
		await rig.chat(
			id,
			say(user("a"), { role: "system", content: "weird \\u00e9 é" }, reply(first), user("b")),
		);
		const seen = (await rig.control.requests()).map((request) =>
			request.body.toString().replace(/"rid":"[0-9a-f]{32}",/, ""),
		);
		const text = (await rig.request("GET", `/sessions/${id}`)).text;
		expect(seen).toHaveLength(2);
		for (const body of seen) expect(text).toContain(`"request":${body},"response":`);
	});

	it("keeps number spelling, key order and unknown fields of the client's bytes", async () => {
		const id = await rig.create();
		const body =
			'{ "temperature": 1.0, "10": 1e-07, "2": -0.0, "big": 12345678901234567890, "messages" : [ {"content":"x","role":"user"} ], "max_tokens":3, "stream": false }';
		expect((await rig.chat(id, Buffer.from(body) as unknown as object)).status).toBe(200);
		const [seen] = await rig.control.requests();
		expect(seen?.body.toString()).toMatch(
			/^\{"temperature": 1\.0,"10": 1e-07,"2": -0\.0,"big": 12345678901234567890,"messages" : \[ \{"content":"x","role":"user"\} \],"max_tokens":3,"logprobs":true,"return_meta_info":true,"no_stop_trim":false,"return_prompt_token_ids":true,"return_routed_experts":true,"rid":"[0-9a-f]{32}","input_ids":\[[\d,]+\]\}$/,
		);
	});

	it("overrides what a client may not choose, and sends the routing key once", async () => {
		const id = await rig.create();
		await rig.chat(
			id,
			{
				...say(user("x")),
				rid: "mine",
				logprobs: false,
				return_meta_info: false,
				no_stop_trim: true,
				stream_options: {},
			},
			{ headers: { "x-smg-routing-key": "other", authorization: "Bearer secret", "x-custom": "kept" } },
		);
		const [seen] = await rig.control.requests();
		const body = JSON.parse(seen?.body.toString() ?? "") as Record<string, unknown>;
		expect(body).toMatchObject({ logprobs: true, return_meta_info: true, no_stop_trim: false });
		expect(body.rid).toMatch(/^[0-9a-f]{32}$/);
		expect(body.stream_options).toBeUndefined();
		const headers = (seen?.headerLines ?? []).map((line) => line.toLowerCase());
		expect(headers.filter((line) => line.startsWith("x-smg-routing-key:"))).toEqual([
			`x-smg-routing-key: ${id}`,
		]);
		expect(headers.filter((line) => line.startsWith("authorization:"))).toEqual([]);
		expect(headers).toContain("x-custom: kept");
		expect(headers).toContain("accept-encoding: identity");
	});

	it("brings the prompt's ids to who asks for them, and only then; the record has them whatever", async () => {
		const asking = { ...say(user("x")), return_prompt_token_ids: true };
		const id = await rig.create();
		const headers = { "idempotency-key": "ids" };
		const asked = await rig.chat(id, asking, { headers });
		const ids = asked.json.choices[0]?.prompt_token_ids;
		expect(ids?.length).toBeGreaterThan(0);
		expect((await rig.chat(id, asking, { headers })).bytes).toEqual(asked.bytes);
		const unasked = await rig.create();
		const plain = await rig.chat(unasked, say(user("x")));
		expect(plain.text).not.toContain("prompt_token_ids");
		expect(plain.json.choices[0]?.message.role).toBe("assistant");
		const [record] = (await read(unasked)).records;
		expect(record?.response.choices[0]?.prompt_token_ids).toEqual(ids);
		expect(record?.request.input_ids).toEqual(ids);
	});

	it("gives the client the reply without the replay payload, and the trainer the whole of it", async () => {
		const id = await rig.create();
		const answer = await rig.chat(id, { ...say(user("x")), return_prompt_token_ids: true });
		expect(answer.text).not.toContain("routed_experts");
		expect(answer.json.choices[0]?.prompt_token_ids.length).toBeGreaterThan(0);
		const [record] = (await read(id)).records;
		const payload = record?.response.choices[0]?.meta_info.routed_experts as string;
		expect(Buffer.from(payload, "base64").length).toBeGreaterThan(0);
		const without = (await read(id, "?payloads=none")).records[0];
		expect(without?.response.choices[0]?.meta_info.routed_experts).toBe("");
	});

	it("refuses a body that is not JSON by its type", async () => {
		const text = await rig.chat("typed", say(user("x")), { headers: { "content-type": "text/plain" } });
		expect([text.status, text.json.error?.code]).toEqual([415, "unsupported_media_type"]);
		const typed = { "content-type": 'application/json; charset="UTF-8"' };
		expect((await rig.chat("typed", say(user("x")), { headers: typed })).status).toBe(200);
	});

	it("creates a never-seen id on its first chat, and reading one creates nothing", async () => {
		expect(await read("never-seen")).toEqual({ session_id: "never-seen", records: [], metadata: {} });
		expect((await rig.chat("brought-along", say(user("x")))).status).toBe(200);
		expect((await read("brought-along")).records).toHaveLength(1);
		const { sessions } = (await rig.request("GET", "/sessions?limit=1000")).json;
		expect(sessions.map((session) => session.session_id)).not.toContain("never-seen");
	});

	it.each([
		["half of a surrogate pair", { role: "user", content: "\ud83d" }],
		["a tool call whose arguments are no JSON", { role: "assistant", content: "", tool_calls: [badCall()] }],
	])("leaves no session behind when the first chat of an id is refused for %s", async (what, message) => {
		const id = `refused-${what.length}`;
		const refused = await rig.chat(id, say(user("x"), message, user("y")));
		expect([refused.status, refused.json.error?.code]).toEqual([400, "invalid_messages"]);
		expect(await read(id)).toEqual({ session_id: id, records: [], metadata: {} });
		expect((await rig.chat(id, say(user("x")))).status).toBe(200);
	});

	it("takes a retry of the newest turn in its place, and logs the rollback", async () => {
		const id = await rig.create();
		const first = await rig.chat(id, say(user("one")));
		const history = [user("one"), reply(first)];
		await rig.chat(id, say(...history, user("two")));
		rig.events.length = 0;
		const retried = await rig.chat(id, say(...history, user("other")));
		expect(retried.status).toBe(200);
		const { records } = await read(id);
		expect(records.map((record) => record.request.messages.length)).toEqual([1, 3]);
		expect(records[1]?.request.messages[2]).toEqual(user("other"));
		expect(retried.headers["x-rollpin-discarded-turn"]).toBe("1");
		expect(rig.events.find(({ event }) => event === "rollback")?.fields).toMatchObject({
			kind: "reworded",
			discarded_turn: 1,
			head: 0,
			index: 2,
			path: "messages[2].content",
		});
		const next = await rig.chat(id, say(...history, user("other"), reply(retried), user("three")));
		expect(next.status).toBe(200);
		expect((await read(id)).records).toHaveLength(3);
	});

	it("refuses an answer that came back altered, says where and how, and changes nothing", async () => {
		const id = await rig.create();
		await rig.control.script({ message: { role: "assistant", content: "x", reasoning_content: "because" } });
		await rig.chat(id, say(user("one")));
		const before = (await rig.request("GET", `/sessions/${id}`)).json.records;
		for (const [altered, path, values] of [
			[{ content: "y" }, "messages[1].content", '"y" sent, "x" stored'],
			[
				{ content: "x", reasoning_content: "why" },
				"messages[1].reasoning_content",
				'"why" sent, "because" stored',
			],
		] as const) {
			const message = { role: "assistant", ...altered };
			for (const behind of [[], [user("two")]]) {
				const refused = await rig.chat(id, say(user("one"), message, ...behind));
				expect([refused.status, refused.json.error?.code, refused.json.error?.param]).toEqual([
					400,
					"history_mismatch",
					path,
				]);
				expect(refused.json.error?.message).toContain(`${path}: ${values}`);
				expect(refused.json.error?.message).toContain("--on-altered-answer replace");
			}
		}
		expect((await read(id)).records).toEqual(before);
		const next = await rig.chat(id, say(user("one"), { role: "assistant", content: " x\n" }, user("two")));
		expect([next.status, next.headers["x-rollpin-discarded-turn"]]).toEqual([200, undefined]);
		expect((await read(id)).records).toHaveLength(2);
	});

	it("refuses another system message beside the first turn as another conversation", async () => {
		const id = await rig.create();
		const system = (content: string) => ({ role: "system", content });
		await rig.chat(id, say(system("main"), user("one")));
		for (const [messages, where] of [
			[[system("title"), user("one")], 'messages[0].content: "title" sent, "main" stored'],
			[[user("one")], 'messages[0]: nothing sent, "main" stored'],
			[[system("main"), user("one"), system("more")], 'messages[2]: "more" sent, nothing stored'],
		] as const) {
			const refused = await rig.chat(id, say(...messages));
			expect([refused.status, refused.json.error?.code]).toEqual([400, "history_mismatch"]);
			expect(refused.json.error?.message).toContain(where);
		}
		expect((await rig.chat(id, say(system("main"), user("reworded")))).status).toBe(200);
		expect((await read(id)).records).toHaveLength(1);
	});

	it("starts afresh on a retry of the first turn", async () => {
		const id = await rig.create();
		await rig.chat(id, say(user("one")));
		expect((await rig.chat(id, say(user("another opening")))).status).toBe(200);
		const { records } = await read(id);
		expect(records).toHaveLength(1);
		expect(records[0]?.request.messages).toEqual([user("another opening")]);
	});

	it("refuses to go two turns back, names the index and the difference, and changes nothing", async () => {
		const id = await rig.create();
		const first = await rig.chat(id, say(user("one")));
		const second = await rig.chat(id, say(user("one"), reply(first), user("two")));
		const before = await read(id);
		const refused = await rig.chat(
			id,
			say(user("changed"), reply(first), user("two"), reply(second), user("x")),
		);
		expect(refused.status).toBe(400);
		expect(refused.json.error).toMatchObject({
			code: "history_mismatch",
			message: expect.stringMatching(
				/^rollback failed: discard_count=2 exceeds max_assistant_rollback_steps=1 \(stored has 4 messages, request has 5 messages\); messages\[0\]\.content: "changed" sent, "one" stored/,
			),
			param: "messages[0].content",
			details: { index: 0, path: "messages[0].content" },
		});
		const shorter = await rig.chat(id, say(user("one")));
		expect(shorter.json.error).toMatchObject({
			code: "rollback_limit",
			message:
				"rollback failed: discard_count=2 exceeds max_assistant_rollback_steps=1 (stored has 4 messages, request has 1 messages)",
		});
		const after = await read(id);
		const counted = expect.objectContaining({ refused: 2 });
		// Only the refusals themselves are counted.
		expect(after).toEqual({ ...before, metadata: { ...before.metadata, history: counted } });
	});

	it("keeps the old turn when the retry's generation fails", async () => {
		const id = await rig.create();
		const first = await rig.chat(id, say(user("one")));
		await rig.chat(id, say(user("one"), reply(first), user("two")));
		const before = (await rig.request("GET", `/sessions/${id}`)).text;
		await rig.control.script({ status: 500, body: '{"error":"boom"}' });
		const failed = await rig.chat(id, say(user("one"), reply(first), user("other")));
		expect([failed.status, failed.text]).toEqual([500, '{"error":"boom"}']);
		expect((await rig.request("GET", `/sessions/${id}`)).text).toBe(before);
	});

	it("takes injected assistants as history, not as turns", async () => {
		const id = await rig.create();
		const opening = [user("one"), { role: "assistant", content: "few-shot" }, user("two")];
		const first = await rig.chat(id, say(...opening));
		expect(first.status).toBe(200);
		const injected = await rig.chat(
			id,
			say(...opening, reply(first), { role: "assistant", content: "more" }, user("go")),
		);
		expect(injected.status).toBe(200);
		expect((await read(id)).session.turns).toBe(2);
	});

	it("answers a degenerate resend with another turn that appends the generation prompt only", async () => {
		const id = await rig.create();
		const first = await rig.chat(id, say(user("one")));
		const again = await rig.chat(id, say(user("one"), reply(first)));
		expect(again.status).toBe(200);
		const { records } = await read(id);
		expect(records).toHaveLength(2);
	});

	it("streams a finished reply as one chunk with its usage, and records it like any other", async () => {
		const id = await rig.create();
		const { headers, text } = await rig.chat(id, { ...say(user("x")), stream: true });
		expect(headers["content-type"]).toBe("text/event-stream; charset=utf-8");
		const [chunk, ...more] = events(text);
		expect(more).toEqual([]);
		expect(chunk).toMatchObject({ object: "chat.completion.chunk", usage: { completion_tokens: 12 } });
		expect(Object.keys(chunk?.choices[0] ?? {})).toEqual(["index", "delta", "finish_reason"]);
		expect((await read(id)).records).toHaveLength(1);
	});

	it("tells the usage in a last chunk of its own where that was asked for, as OpenAI does", async () => {
		const options = { stream: true, stream_options: { include_usage: true } };
		const [chunk, last, ...more] = events((await rig.chat("usage", { ...say(user("x")), ...options })).text);
		expect(more).toEqual([]);
		expect(chunk).toMatchObject({ usage: null, choices: [{ index: 0 }] });
		expect(last).toMatchObject({ choices: [], usage: { completion_tokens: 12 }, id: chunk?.id });
	});

	it.each([
		[{ logprobs: true }, true],
		[{ logprobs: true, top_logprobs: 0 }, true],
		[{ top_logprobs: 2 }, true],
		[{ logprobs: false }, false],
		[{ logprobs: null, top_logprobs: null }, false],
		[{}, false],
	])("has log probabilities in a stream when they were asked for: %j", async (asked, told) => {
		const id = await rig.create();
		const [chunk] = events((await rig.chat(id, { ...say(user("x")), ...asked, stream: true })).text);
		const recorded = (await read(id)).records[0]?.response.choices[0];
		expect(chunk?.choices[0]?.logprobs).toEqual(
			told ? (recorded as { logprobs?: unknown }).logprobs : undefined,
		);
		expect(JSON.stringify(recorded)).toContain('"logprobs":{"content":[{');
	});

	it("keeps the status code of an error when streaming", async () => {
		const id = await rig.create();
		await rig.control.script({ status: 503, body: "busy", headers: [["content-type", "text/plain"]] });
		const answer = await rig.chat(id, { ...say(user("x")), stream: true });
		expect([answer.status, answer.text, answer.headers["content-type"]]).toEqual([503, "busy", "text/plain"]);
	});

	it("leaves an aborted generation as a provisional record, which the retry replaces", async () => {
		const id = await rig.create();
		const first = await rig.chat(id, say(user("one")));
		const next = say(user("one"), reply(first), user("two"));
		for (let attempt = 0; attempt < 2; attempt++) {
			await rig.control.script({ finishReason: "abort" });
			const aborted = await rig.chat(id, next);
			expect([aborted.status, aborted.headers["x-sglang-aborted"]]).toEqual([200, "1"]);
			const { records, metadata } = await read(id);
			expect(records.map((record) => record.provisional ?? false)).toEqual([false, true]);
			expect(metadata.accumulated_token_ids.length).toBe(
				(records[0]?.request.input_ids.length ?? 0) + (sampled(records[0] as RecordJson)?.length ?? 0),
			);
		}
		await rig.control.script({ finishReason: "abort" });
		const streamed = await rig.chat(id, { ...next, stream: true });
		expect(streamed.headers["x-sglang-aborted"]).toBe("1");
		const retried = await rig.chat(id, next);
		expect(retried.headers["x-sglang-aborted"]).toBeUndefined();
		const { records } = await read(id);
		expect(records.map((record) => record.provisional ?? false)).toEqual([false, false]);
	});

	it("refuses a history that carries an aborted answer, in any spelling, and changes nothing", async () => {
		const id = await rig.create();
		await rig.control.script({ finishReason: "abort" });
		const first = await rig.chat(id, say(user("one")));
		const carried = { role: "assistant", content: [{ type: "text", text: `${reply(first).content}\n` }] };
		const refused = await rig.chat(id, say(user("one"), carried, user("two")));
		expect([refused.status, refused.json.error?.code]).toEqual([400, "history_mismatch"]);
		expect(refused.json.error?.message).toContain(
			"messages[1] is the answer of turn 0, which the engine aborted",
		);
		const whole = await rig.chat(id, say(user("one")));
		const next = say(user("one"), reply(whole), user("two"));
		await rig.control.script({ finishReason: "abort" });
		const second = await rig.chat(id, next);
		const behind = await rig.chat(id, say(...next.messages, reply(second), user("three")));
		expect([behind.status, behind.json.error?.code]).toEqual([400, "history_mismatch"]);
		expect((await read(id)).records.map((record) => record.provisional ?? false)).toEqual([false, true]);
		expect((await rig.chat(id, next)).status).toBe(200);
	});

	it("repeats the committed reply for the same Idempotency-Key and body, and refuses another body", async () => {
		const id = await rig.create();
		const headers = { "idempotency-key": "k1" };
		const first = await rig.chat(id, say(user("one")), { headers });
		const again = await rig.chat(id, say(user("one")), { headers });
		expect([again.status, again.text]).toEqual([200, first.text]);
		expect(again.headers["idempotent-replayed"]).toBe("true");
		expect(await rig.control.requests()).toHaveLength(1);
		const other = await rig.chat(id, say(user("two")), { headers });
		expect([other.status, other.json.error?.code]).toEqual([422, "idempotency_mismatch"]);
		const second = await rig.chat(id, say(user("one"), reply(first), user("two")), {
			headers: { "idempotency-key": "k2" },
		});
		const secondAgain = await rig.chat(id, say(user("one"), reply(first), user("two")), {
			headers: { "idempotency-key": "k2" },
		});
		expect(secondAgain.text).toBe(second.text);
		expect((await read(id)).records).toHaveLength(2);
	});

	it("writes one chat_start and one chat_done per chat, whatever its end", async () => {
		const id = await rig.create();
		rig.events.length = 0;
		await rig.chat(id, say(user("x")), { headers: { "x-request-id": "trace-1" } });
		await rig.chat(id, "not json" as unknown as object);
		await rig.control.script({ fault: "reset-before" });
		await rig.chat(id, say(user("y")));
		const of = (name: string) => rig.events.filter(({ event }) => event === name).map(({ fields }) => fields);
		expect(of("chat_start")).toHaveLength(3);
		expect(of("chat_done").map(({ status, code }) => [status, code])).toEqual([
			[200, null],
			[400, "invalid_json"],
			[502, "upstream_unreachable"],
		]);
		expect(of("chat_start")[0]).toMatchObject({ x_request_id: "trace-1", messages: 1, inflight_now: 1 });
		expect(of("chat_done")[0]).toMatchObject({
			turn: 0,
			completion_tokens: 12,
			reused_tokens: 0,
			inflight_now: 0,
		});
		expect(of("proxy_transport_error")).toHaveLength(1);
		expect(of("request_error")).toHaveLength(0);
	});

	it("logs the last message and the answer with --log-content, and no text without it", async () => {
		const talkative = await startRig({ log: { file: null, format: "json", level: "info", content: true } });
		try {
			await talkative.chat("s", say(user("first secret"), user("second secret")));
			await rig.chat("quiet", say(user("first secret")));
			const fields = (which: WorkerRig, name: string) =>
				which.events.findLast(({ event }) => event === name)?.fields;
			expect(fields(talkative, "chat_start")?.content).toBe('{"role":"user","content":"second secret"}');
			expect(JSON.parse(String(fields(talkative, "chat_done")?.content))).toMatchObject({
				role: "assistant",
			});
			expect(JSON.stringify(rig.events)).not.toContain("secret");
		} finally {
			await talkative.close();
		}
	});

	it.each([
		["logprobs of another length", { metaInfo: { completion_tokens: 3 } }],
		["content that is null", { message: { role: "assistant", content: null } }],
		["a message without a role", { message: { content: "x" } }],
		["a message of the user's", { message: { role: "user", content: "x" } }],
		["tool calls that are no list", { message: { role: "assistant", content: "x", tool_calls: "y" } }],
		["a content part that is no object", { message: { role: "assistant", content: [5] } }],
		["no logprobs", { metaInfo: { output_token_logprobs: null } }],
		[
			"a token id that is text",
			{ metaInfo: { output_token_logprobs: [[-1, "5", null]], completion_tokens: 1 } },
		],
		[
			"a token id past the vocabulary",
			{ metaInfo: { output_token_logprobs: [[-1, 99999999, null]], completion_tokens: 1 } },
		],
		["a truncated body", { fault: "truncate-length" as const }],
		["garbage", { fault: "garbage" as const }],
		["a status that is none", { status: 700, body: "{}" }],
		["no choices", { body: '{"choices":[]}' }],
		["a list", { body: "[]" }],
		["NaN", { body: '{"choices":[{"x":NaN}]}' }],
		["foreign prompt ids", { body: foreignPrompt() }],
		["the count of a prompt that it rendered itself", { metaInfo: { prompt_tokens: 999 } }],
		["no count of the prompt", { metaInfo: { prompt_tokens: null } }],
	])(
		"answers 502 and records nothing when the engine sends %s, and the session goes on",
		async (_what, answer) => {
			const id = await rig.create();
			await rig.control.script(answer);
			const failed = await rig.chat(id, say(user("x")));
			expect(failed.status).toBe(502);
			expect(failed.json.error?.code).toMatch(/^upstream_(invalid|unreachable|rendered_itself)$/);
			expect((await read(id)).records).toEqual([]);
			expect((await rig.chat(id, say(user("x")))).status).toBe(200);
		},
	);
});

interface Chunk {
	id: string;
	choices: Array<Record<string, unknown>>;
}

/** The chunks of a whole stream. */
function events(text: string): Chunk[] {
	const lines = text.split("\n\n");
	expect(lines.splice(-2)).toEqual(["data: [DONE]", ""]);
	return lines.map((line) => JSON.parse(line.slice("data: ".length)) as Chunk);
}

function foreignPrompt(): string {
	const meta = { completion_tokens: 1, output_token_logprobs: [[-1, 5, null]] };
	const message = { role: "assistant", content: "x" };
	return JSON.stringify({ choices: [{ index: 0, message, prompt_token_ids: [1, 2], meta_info: meta }] });
}

function badCall(): object {
	return { id: "c", type: "function", function: { name: "f", arguments: "{" } };
}
