// Bad bodies: exactly their status and code; nothing changes, nothing reaches the engine, nothing is logged as our error.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Reply, startRig, type WorkerRig } from "../support/worker-rig.js";

let rig: WorkerRig;
let id = "";
let history: object[] = [];
let before = "";
beforeAll(async () => {
	rig = await startRig();
	id = await rig.create();
	const first = await rig.chat(id, { model: "m", messages: [user("one")], max_tokens: 8 });
	history = [user("one"), first.json.choices[0]?.message as object];
	before = await text(id);
	await rig.control.reset();
	rig.events.length = 0;
});
afterAll(() => rig.close());

const user = (content: unknown) => ({ role: "user", content });
const text = async (session: string) => (await rig.request("GET", `/sessions/${session}`)).text;
const bytes = (...parts: Array<string | number[]>) =>
	Buffer.concat(parts.map((part) => (typeof part === "string" ? Buffer.from(part) : Buffer.from(part))));
const valid = '{"messages":[{"role":"user","content":"x"}]}';
const nested = (levels: number) => "[".repeat(levels) + "]".repeat(levels);
/** Behind the stored turn, so that the fault is in an element that is not the first. */
const appended = (message: unknown) => ({ messages: [...history, message] });

type Case = [
	what: string,
	body: () => unknown,
	status: number,
	code: string,
	message?: RegExp,
	param?: string,
];

const NOT_JSON: Case[] = [
	["an empty body", () => "", 400, "invalid_json"],
	["text", () => "hello", 400, "invalid_json"],
	["a cut document", () => valid.slice(0, -1), 400, "invalid_json"],
	["a second document", () => `${valid}{}`, 400, "invalid_json"],
	["a trailing comma", () => '{"messages":[{"role":"user","content":"x"},]}', 400, "invalid_json"],
	["single quotes", () => "{'messages':[]}", 400, "invalid_json"],
	["NaN", () => '{"temperature":NaN,"messages":[{"role":"user","content":"x"}]}', 400, "invalid_json"],
	["Infinity", () => '{"temperature":Infinity,"messages":[{"role":"user"}]}', 400, "invalid_json"],
	[
		"-Infinity in a message",
		() => '{"messages":[{"role":"user","content":"x","a":-Infinity}]}',
		400,
		"invalid_json",
	],
	["a number with a leading zero", () => '{"n":01,"messages":[]}', 400, "invalid_json"],
	["a raw control character", () => '{"messages":[{"role":"user","content":"a\nb"}]}', 400, "invalid_json"],
	["a byte order mark", () => bytes([0xef, 0xbb, 0xbf], valid), 400, "invalid_json"],
	["UTF-16", () => Buffer.from(`\ufeff${valid}`, "utf16le"), 400, "invalid_json"],
	[
		"invalid UTF-8",
		() => bytes('{"messages":[{"role":"user","content":"', [0xff], '"}]}'),
		400,
		"invalid_json",
	],
	[
		"an overlong encoding",
		() => bytes('{"messages":[{"role":"user","content":"', [0xc0, 0xaf], '"}]}'),
		400,
		"invalid_json",
	],
	["a list", () => "[]", 400, "invalid_json"],
	["a string", () => '"x"', 400, "invalid_json"],
	["null", () => "null", 400, "invalid_json"],
	[
		"nesting deeper than 64",
		() => `{"messages":[{"role":"user","content":"x"}],"extra":${nested(64)}}`,
		400,
		"invalid_json",
	],
	[
		"deep nesting in a message",
		() => `{"messages":[{"role":"user","content":${nested(100_000)}}]}`,
		400,
		"invalid_json",
	],
];

const MESSAGES: Case[] = [
	["no messages", () => "{}", 400, "invalid_messages", /messages/, "messages"],
	["messages null", () => ({ messages: null }), 400, "invalid_messages", /messages/, "messages"],
	["no messages in the list", () => ({ messages: [] }), 400, "invalid_messages", /empty/, "messages"],
	[
		"messages as an object",
		() => ({ messages: { 0: user("x") } }),
		400,
		"invalid_messages",
		/no list/,
		"messages",
	],
	["messages as text", () => ({ messages: "x" }), 400, "invalid_messages", /no list/, "messages"],
	[
		"messages twice, the last one no list",
		() => '{"messages":[{"role":"user","content":"x"}],"messages":1}',
		400,
		"invalid_messages",
	],
	["a message that is null", () => appended(null), 400, "invalid_messages", /^messages\[2\] /],
	["a message that is text", () => appended("x"), 400, "invalid_messages", /^messages\[2\] /],
	["a message that is a list", () => appended([]), 400, "invalid_messages", /^messages\[2\] /],
	["no role", () => appended({ content: "x" }), 400, "invalid_messages", /^messages\[2\] .*role/],
	[
		"an unknown role",
		() => appended({ role: "robot", content: "x" }),
		400,
		"invalid_messages",
		/^messages\[2\] .*role/,
	],
	[
		"a role that is a number",
		() => appended({ role: 1, content: "x" }),
		400,
		"invalid_messages",
		/^messages\[2\] .*role/,
	],
	[
		"a role from the prototype",
		() => appended({ role: "__proto__" }),
		400,
		"invalid_messages",
		/^messages\[2\] .*role/,
	],
	["content that is a number", () => appended(user(1)), 400, "invalid_messages", /^messages\[2\] .*content/],
	[
		"content that is an object",
		() => appended(user({})),
		400,
		"invalid_messages",
		/^messages\[2\] .*content/,
	],
	["content that is true", () => appended(user(true)), 400, "invalid_messages", /^messages\[2\] .*content/],
	[
		"a content part that is text",
		() => appended(user(["x"])),
		400,
		"invalid_messages",
		/^messages\[2\] .*part/,
	],
	[
		"tool_calls that are no list",
		() => appended({ role: "assistant", tool_calls: {} }),
		400,
		"invalid_messages",
		/^messages\[2\] .*tool_calls/,
	],
	[
		"a tool call that is text",
		() => appended({ role: "assistant", tool_calls: ["x"] }),
		400,
		"invalid_messages",
		/^messages\[2\] .*tool call/,
	],
	[
		"a fault in the first message",
		() => ({ messages: [1, user("x")] }),
		400,
		"invalid_messages",
		/^messages\[0\] /,
	],
];

const FIELDS: Case[] = [
	[
		"tools that are no list",
		() => ({ ...appended(user("x")), tools: {} }),
		400,
		"invalid_request",
		/tools/,
		"tools",
	],
	[
		"a tool that is text",
		() => ({ ...appended(user("x")), tools: ["x"] }),
		400,
		"invalid_request",
		/tools\[0\]/,
		"tools[0]",
	],
	[
		"a tool without a function",
		() => ({ ...appended(user("x")), tools: [{ type: "function" }] }),
		400,
		"invalid_request",
		/function name/,
		"tools[0]",
	],
	[
		"a tool without a name",
		() => ({
			...appended(user("x")),
			tools: [
				{ type: "function", function: { name: "f" } },
				{ type: "function", function: {} },
			],
		}),
		400,
		"invalid_request",
		/function name/,
		"tools[1]",
	],
	[
		"chat_template_kwargs as a list",
		() => ({ ...appended(user("x")), chat_template_kwargs: [] }),
		400,
		"invalid_request",
		/^chat_template_kwargs must be an object$/,
		"chat_template_kwargs",
	],
	[
		"chat_template_kwargs as text",
		() => ({ ...appended(user("x")), chat_template_kwargs: "{}" }),
		400,
		"invalid_request",
		/^chat_template_kwargs must be an object$/,
	],
	["two generations", () => ({ ...appended(user("x")), n: 2 }), 400, "invalid_request", /n must be 1/, "n"],
	["no generations", () => ({ ...appended(user("x")), n: 0 }), 400, "invalid_request", /n must be 1/, "n"],
	["n as text", () => ({ ...appended(user("x")), n: "1" }), 400, "invalid_request", /n must be 1/, "n"],
	[
		"stream as text",
		() => ({ ...appended(user("x")), stream: "false" }),
		400,
		"invalid_request",
		/true or false/,
		"stream",
	],
	[
		"stream as a number",
		() => ({ ...appended(user("x")), stream: 1 }),
		400,
		"invalid_request",
		/true or false/,
		"stream",
	],
];

describe("a chat with a bad body", () => {
	it.each([...NOT_JSON, ...MESSAGES, ...FIELDS])(
		"gets %s answered and leaves no trace",
		async (_what, body, status, code, message = /./, param) => {
			for (const session of [id, "never-seen"]) {
				const answer = await rig.chat(session, body() as object);
				expect([answer.status, answer.json.error?.code]).toEqual([status, code]);
				expect(answer.json.error?.type).toBe("invalid_request_error");
				// The unseen session has no history in front of the fault; the body is the same.
				expect(answer.json.error?.message).toMatch(message);
				if (param !== undefined) expect(answer.json.error?.param).toBe(param);
			}
			await expectNoTrace();
		},
	);

	it.each([["gzip"], ["deflate"], ["br"], ["zstd"], ["gzip, identity"]])(
		"gets 415 for the content-encoding %s",
		async (encoding) => {
			const answer = await rig.request("POST", `/sessions/${id}/v1/chat/completions`, valid, {
				headers: { "content-encoding": encoding },
			});
			expect([answer.status, answer.json.error?.code]).toEqual([415, "unsupported_media_type"]);
			await expectNoTrace();
		},
	);

	it("answers a bad body of a session that is gone with the session's end, before it is read", async () => {
		await rig.chat("gone", { messages: [user("x")], max_tokens: 2 });
		await rig.request("DELETE", "/sessions/gone");
		await rig.control.reset();
		expect((await rig.chat("gone", "not json" as unknown as object)).json.error?.code).toBe(
			"session_deleted",
		);
		await expectNoTrace();
	});
});

describe("a bad session id", () => {
	it.each([
		["one that starts with a dot", ".hidden"],
		["one that is too long", "a".repeat(129)],
		["a space", "a%20b"],
		["a character beyond ASCII", "%C3%A9"],
		["a colon", "a:b"],
	])("is 400 invalid_id on every route: %s", async (_what, bad) => {
		const answers: Reply[] = [];
		for (const [method, path] of [
			["GET", ""],
			["DELETE", ""],
			["POST", "/extend"],
			["POST", "/v1/chat/completions"],
			["GET", "/v1/model_info"],
			["GET", "/v1/models"],
		] as const) {
			answers.push(
				await rig.request(method, `/sessions/${bad}${path}`, method === "POST" ? valid : undefined),
			);
		}
		expect(answers.map((answer) => [answer.status, answer.json.error?.code])).toEqual(
			answers.map(() => [400, "invalid_id"]),
		);
		await expectNoTrace();
	});
});

describe("a create with a bad body", () => {
	it.each([
		["a list", "[]", "invalid_json", /^session request must be an object/],
		["text", "x", "invalid_json", /^invalid JSON body:/],
		["NaN", '{"ttl_seconds":NaN}', "invalid_json", /^invalid JSON body:/],
		["metadata as a list", '{"metadata":[]}', "invalid_request", /^metadata must be an object$/],
		[
			"overrides as a list",
			'{"request_overrides":[]}',
			"invalid_request",
			/^request_overrides must be an object$/,
		],
		[
			"unknown overrides",
			'{"request_overrides":{"tools":"x","n":2}}',
			"invalid_request",
			/^unsupported session request overrides: \['n', 'tools'\]$/,
		],
		[
			"an override from the prototype",
			'{"request_overrides":{"__proto__":{}}}',
			"invalid_request",
			/^unsupported session request overrides: \['__proto__'\]$/,
		],
		[
			"an override of a wrong shape",
			'{"request_overrides":{"top_k":1.5}}',
			"invalid_request",
			/^invalid session request override 'top_k': expected integer, got number$/,
		],
		["deep nesting", `{"metadata":{"a":${nested(70)}}}`, "invalid_json", /nesting/],
	])("gets 400 for %s, and there is no session", async (_what, body, code, message) => {
		const answer = await rig.request("POST", "/sessions", body, {
			headers: { "x-rollpin-session-id": "never-seen" },
		});
		expect([answer.status, answer.json.error?.code]).toEqual([400, code]);
		expect(answer.json.error?.message).toMatch(message);
		await expectNoTrace();
	});
});

describe("keys that name an object's prototype", () => {
	it("are data like any other, in messages and tools, on the wire and in the record", async () => {
		const own = await rig.create();
		const message =
			'{"role":"user","content":"x","__proto__":{"role":"system"},"constructor":{"prototype":{"polluted":1}}}';
		const tool =
			'{"type":"function","function":{"name":"f","parameters":{"properties":{"__proto__":{"type":"string"}}}},"__proto__":{"polluted":2}}';
		const body = `{"model":"m","max_tokens":4,"messages":[${message}],"tools":[${tool}],"__proto__":{"n":2}}`;
		const answer = await rig.chat(own, body as unknown as object);
		expect(answer.status).toBe(200);
		const sent = (await rig.control.requests())[0]?.body.toString();
		expect(sent).toContain(`"messages":[${message}],"tools":[${tool}],"__proto__":{"n":2}`);
		expect(await text(own)).toContain(`"messages":[${message}],"tools":[${tool}],"__proto__":{"n":2}`);
		expect(({} as Record<string, unknown>).polluted).toBeUndefined();
		await rig.control.reset();
	});
});

describe("tool-call arguments in the history that are not JSON", () => {
	it("are 400 naming the place, because templates are given them parsed", async () => {
		const call = { id: "1", type: "function", function: { name: "f", arguments: "{not json" } };
		const body = {
			model: "m",
			messages: [...history, user("x"), { role: "assistant", content: null, tool_calls: [call] }, user("y")],
		};
		const own = await rig.create();
		const answer = await rig.chat(own, body);
		expect([answer.status, answer.json.error?.code]).toEqual([400, "invalid_messages"]);
		expect(answer.json.error?.message).toContain("messages[3].tool_calls[0].function.arguments");
		expect((await rig.request("GET", `/sessions/${own}`)).json.records).toEqual([]);
		const behind = await rig.chat(id, body);
		expect([behind.status, behind.json.error?.message]).toEqual([400, answer.json.error?.message]);
		await expectNoTrace();
	});
});

async function expectNoTrace(): Promise<void> {
	expect(await text(id)).toBe(before);
	expect(await text("never-seen")).toBe('{"session_id":"never-seen","records":[],"metadata":{}}');
	const { sessions } = (await rig.request("GET", "/sessions")).json;
	expect(sessions.map(({ session_id }) => session_id)).not.toContain("never-seen");
	expect(await rig.control.requests()).toEqual([]);
	expect(rig.events.filter(({ event }) => event === "request_error")).toEqual([]);
}
