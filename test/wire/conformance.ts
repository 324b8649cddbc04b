// What every front end must do, whatever its wire: the same agent ends in the same records and samples, an error has
// the wire's own shape and records nothing. One line in a test file runs it all: `describeFrontEnd(...)`.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { SimControl } from "../../src/sim/control/control-client.js";
import { chatBodyLimits, parseChatBody } from "../../src/wire/chat-body.js";
import type { FrontEnd } from "../../src/wire/front-end.js";
import {
	afterAnswer,
	CHATS,
	type Message,
	START,
	scriptAnswers,
	TOOLS,
} from "../clients/scripted-conversation.js";
import { clusterConfig } from "../support/cluster-config.js";
import { type CompiledFixture, compileFixture } from "../support/compiled-fixture.js";
import { readSamples } from "../support/samples.js";
import {
	chatsSeen,
	type Reply,
	type RequestOptions,
	startRig,
	type WorkerRig,
} from "../support/worker-rig.js";
import { openaiChatClient } from "./openai-chat/client.js";

/** One request of the agent, in chat terms. */
export interface Ask {
	messages: readonly Message[];
	tools?: readonly unknown[];
	stream: boolean;
}

/** What a client of the wire has read, in chat terms. */
export interface ClientAnswer {
	/** With `content`, `reasoning_content` and `tool_calls`; arguments are the text that came, every digit of it. */
	message: Message;
	/** OpenAI's word for it. */
	finishReason: string;
	/** Tokens; null from a client `withoutUsage`. */
	usage: { prompt: number; completion: number } | null;
}

/** The client's side of a wire, as its SDK would be: what it sends, and what it makes of the answer. */
export interface WireClient {
	/** Where turns are POSTed, below `/sessions/{id}`. */
	path: string;
	/** The wire has no figures of tokens: every answer's `usage` is null. */
	withoutUsage?: true;
	/** The request in this wire's words. Equal asks give equal bytes. */
	body(ask: Ask): Buffer;
	/** Reads a whole answer, a JSON body or an event stream. @throws Error where an SDK would */
	answer(reply: Reply): ClientAnswer;
	/** The message of the error in a JSON body, or at the end of an event stream. @throws Error when there is none */
	error(reply: Reply): string;
}

/** Less depth than `parseJson` takes by itself: a wire that forgets the limits is seen. */
const limits = { ...clusterConfig().limits, maxJsonDepth: 32 };

interface Conversation {
	id: string;
	answers: ClientAnswer[];
	replies: Reply[];
}

/** @param client of `name`'s wire, written apart from the front end that it checks */
export function describeFrontEnd(name: string, frontEnd: FrontEnd, client: WireClient): void {
	describe(`the front end ${name}`, () => {
		let thread: CompiledFixture;
		/** Sends no sign of life: a status stays what it is, however slow the machine. */
		let rig: WorkerRig;
		let patient: WorkerRig;
		beforeAll(async () => {
			thread = compileFixture("samples-thread");
			rig = await startRig({ r3: "full" }, undefined, undefined, undefined, thread.path);
			patient = await startRig({ sseKeepaliveMs: 20, limits });
		});
		afterAll(async () => {
			await rig.close();
			await patient.close();
			thread.remove();
		});
		beforeEach(() => Promise.all([rig.control.reset(), patient.control.reset()]));

		const post = (id: string, body: Buffer, options?: RequestOptions, on = rig, by = client) =>
			on.request("POST", `/sessions/${id}${by.path}`, body, options);
		const user = (content: string): Message => ({ role: "user", content });
		const ask = (stream: boolean, ...texts: string[]) => client.body({ messages: texts.map(user), stream });
		const read = async (id: string, on = rig) => (await on.request("GET", `/sessions/${id}`)).json;

		/** The scripted conversation, each turn by the next of `clients`. */
		async function converse(stream: boolean, ...clients: WireClient[]): Promise<Conversation> {
			const id = await rig.create();
			await scriptAnswers(rig.control as SimControl, id);
			const replies: Reply[] = [];
			const answers: ClientAnswer[] = [];
			let messages: Message[] = [...START];
			for (let n = 0; n < CHATS; n++) {
				const by = clients[n % clients.length] as WireClient;
				const reply = await post(id, by.body({ messages, tools: TOOLS, stream }), {}, rig, by);
				expect([reply.status, reply.status === 200 ? "" : reply.text]).toEqual([200, ""]);
				const answer = by.answer(reply);
				replies.push(reply);
				answers.push(answer);
				messages = afterAnswer(messages, answer.message, n);
			}
			return { id, answers, replies };
		}

		/** All that must not depend on the wire. */
		async function outcome({ id, answers }: Conversation) {
			const { records, metadata } = await read(id);
			const samples = readSamples(await rig.request("POST", `/sessions/${id}/samples`, {}));
			return {
				answers: answers.map(({ message, finishReason, usage }) => ({
					...plain(message),
					finishReason,
					usage,
				})),
				records: records.map(({ request, response: { choices } }) => ({
					messages: request.messages.map((message) => plain(message as Message)),
					ids: request.input_ids,
					sampled: choices[0]?.meta_info.output_token_logprobs,
					message: choices[0]?.message,
				})),
				tokens: metadata.accumulated_token_ids,
				samples: samples.samples.map(({ tokens, lossMask, logprobs, routedExperts, status, response }) => ({
					tokens,
					lossMask,
					logprobs,
					routedExperts,
					status,
					response,
				})),
			};
		}

		/** That outcome as these clients, in turn, can tell it. */
		function toldBy({ answers, ...rest }: Awaited<ReturnType<typeof outcome>>, ...clients: WireClient[]) {
			const told = answers.map((answer, n) =>
				clients[n % clients.length]?.withoutUsage ? { ...answer, usage: null } : answer,
			);
			return { ...rest, answers: told };
		}

		it.each([
			["whole answers", false],
			["streams", true],
		])("takes an agent with tools to OpenAI chat's records and samples, by %s", async (_how, stream) => {
			const expected = await outcome(await converse(false, openaiChatClient));
			expect(expected.records).toHaveLength(CHATS);
			expect(await outcome(await converse(stream, client))).toEqual(toldBy(expected, client));
		});

		it("shares a session with OpenAI chat, turn by turn", async () => {
			const expected = await outcome(await converse(false, openaiChatClient));
			for (const [stream, ...clients] of [
				[false, client, openaiChatClient],
				[true, openaiChatClient, client],
			] as const)
				expect(await outcome(await converse(stream, ...clients))).toEqual(toldBy(expected, ...clients));
		});

		it("shows no replay payload to a client", async () => {
			for (const stream of [false, true]) {
				const { id, replies } = await converse(stream, client);
				for (const [at, record] of (await read(id)).records.entries()) {
					const payload = record.response.choices[0]?.meta_info.routed_experts as string;
					expect(payload.length).toBeGreaterThan(64);
					expect(replies[at]?.text).not.toContain(payload.slice(0, 64));
				}
			}
		});

		it("decodes a history that is sent again to the same bytes, and leaves the client's alone", () => {
			const messages = [...START, user("and then?")];
			const decoded = messages.map((_, at) => {
				const body = client.body({ messages: messages.slice(0, at + 1), tools: TOOLS, stream: false });
				const before = Buffer.from(body);
				const within = chatBodyLimits(limits);
				const { chat } = frontEnd.decode(body, within);
				expect(body.equals(before)).toBe(true);
				return parseChatBody(chat, null, within).messages;
			});
			for (const [at, longer] of decoded.slice(1).entries()) {
				const shorter = decoded[at]?.content ?? Buffer.alloc(0);
				expect(longer.content.subarray(0, shorter.length).toString()).toBe(shorter.toString());
				expect(longer.count).toBe((decoded[at]?.count ?? 0) + 1);
			}
		});

		it("refuses a body that is nested deeper than the limit, also where its chat would have nothing of it", async () => {
			const { maxJsonDepth } = limits;
			const deep = `{"x_nested":${"[".repeat(maxJsonDepth)}${"]".repeat(maxJsonDepth)},`;
			const body = Buffer.concat([Buffer.from(deep), ask(false, "one").subarray(1)]);
			const refused = await post("deep", body, {}, patient);
			expect(refused.status).toBe(400);
			expect(client.error(refused)).toContain(`nesting deeper than ${maxJsonDepth}`);
			expect(await read("deep", patient)).toMatchObject({ records: [], metadata: {} });
		});

		describe.each([
			["a whole answer", false],
			["a stream", true],
		])("that was asked for %s", (_how, stream) => {
			it("tells what is refused before the turn with its status, and makes no session of it", async () => {
				const refused = await post(`never-${stream}`, client.body({ messages: [], stream }));
				expect(refused.status).toBe(400);
				expect(client.error(refused)).not.toBe("");
				expect(refused.headers["content-type"]).toBe("application/json");
				const broken = await post(`never-${stream}`, Buffer.from("{"));
				expect(broken.status).toBe(400);
				expect(client.error(broken)).not.toBe("");
				expect(await read(`never-${stream}`)).toMatchObject({ records: [], metadata: {} });
				expect(await chatsSeen(rig.control)).toEqual([]);
			});

			it("tells of a session that is gone", async () => {
				const id = await rig.create();
				await rig.request("DELETE", `/sessions/${id}`);
				const gone = await post(id, ask(stream, "one"));
				expect(gone.status).toBe(404);
				expect(client.error(gone)).toContain(id);
			});

			it("hands on the engine's refusal, and records nothing", async () => {
				const id = await rig.create();
				const body = JSON.stringify({ object: "error", message: "the prompt is too long", code: 400 });
				await rig.control.script({ status: 400, body });
				const refused = await post(id, ask(stream, "one"));
				expect([refused.status, client.error(refused)]).toEqual([400, "the prompt is too long"]);
				expect((await read(id)).records).toEqual([]);
			});

			it("tells of an engine that fails, and records nothing", async () => {
				const id = await rig.create();
				await rig.control.script({ fault: "garbage" });
				const failed = await post(id, ask(stream, "one"));
				expect(failed.status).toBe(502);
				expect(client.error(failed)).not.toBe("");
				expect((await read(id)).records).toEqual([]);
			});

			it("answers a repeated request with the committed turn, and refuses its key with another body", async () => {
				const id = await rig.create();
				const headers = { "idempotency-key": "k" };
				const first = await post(id, ask(stream, "one"), { headers });
				const again = await post(id, ask(stream, "one"), { headers });
				expect([first.status, again.status]).toEqual([200, 200]);
				expect(client.answer(again)).toEqual(client.answer(first));
				expect(again.headers["idempotent-replayed"]).toBe("true");
				expect(await chatsSeen(rig.control)).toHaveLength(1);
				const other = await post(id, ask(stream, "two"), { headers });
				expect(other.status).toBe(422);
				expect(client.error(other)).toContain("Idempotency-Key");
				expect((await read(id)).records).toHaveLength(1);
			});

			it("marks an aborted generation, whose retry takes its place", async () => {
				const id = await rig.create();
				await rig.control.script({ finishReason: "abort" });
				const aborted = await post(id, ask(stream, "one"));
				expect([aborted.status, aborted.headers["x-sglang-aborted"]]).toEqual([200, "1"]);
				expect((await read(id)).records.map(({ provisional }) => provisional)).toEqual([true]);
				const retried = await post(id, ask(stream, "one"));
				expect([retried.status, retried.headers["x-sglang-aborted"]]).toEqual([200, undefined]);
				expect((await read(id)).records.map(({ provisional }) => provisional ?? false)).toEqual([false]);
			});
		});

		it("gives signs of life while a streamed answer is long in coming, then the answer", async () => {
			await patient.control.script({ latencyMs: 300, text: "late" }, { text: "late" });
			const slow = await post("slow", ask(true, "one"), {}, patient);
			const quick = await post("quick", ask(false, "one"), {}, patient);
			expect([slow.status, quick.status]).toEqual([200, 200]);
			const sign = frontEnd.stream.keepalive;
			expect(slow.text.startsWith(sign)).toBe(true);
			expect(plain(client.answer(slow).message)).toEqual(plain(client.answer(quick).message));
		});

		it.each([
			["fails", { fault: "garbage" as const }, /./],
			["refuses", { status: 400, body: '{"object":"error","message":"too long"}' }, /^too long$/],
		])("tells inside a stream that has begun of an engine that %s", async (what, answer, message) => {
			await patient.control.script({ latencyMs: 300, ...answer });
			const late = await post(what, ask(true, "one"), {}, patient);
			expect(late.status).toBe(200);
			expect(late.text.startsWith(frontEnd.stream.keepalive)).toBe(true);
			expect(client.error(late)).toMatch(message);
			expect(() => client.answer(late)).toThrow();
			expect((await read(what, patient)).records).toEqual([]);
		});
	});
}

/** A message without what wires spell in different ways. */
function plain({ role, content, reasoning_content, tool_call_id, tool_calls }: Message) {
	return {
		role,
		answers: tool_call_id,
		content: content ?? "",
		reasoning: reasoning_content ?? "",
		calls: (tool_calls ?? []).map(({ id, function: { name, arguments: args } }) => ({ id, name, args })),
	};
}
