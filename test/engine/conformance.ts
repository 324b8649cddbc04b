// What every engine dialect must do: with recorded replies of a real engine, and with a running one. Called by one test file per
// dialect.
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import type { EngineDialect, EngineRequest, ReadReply, TurnRequest } from "../../src/engine/engine.js";
import { EngineClient } from "../../src/engine/http/client.js";
import { ReplyScanner } from "../../src/engine/scan/reply-scanner.js";
import { scanObject } from "../../src/json/scan.js";
import { JsonNumber, type JsonObject } from "../../src/json/value.js";
import { within } from "../support/wait.js";

type Members = Record<string, unknown>;

export interface RecordedReply {
	name: string;
	bytes: Buffer;
	/** As they were sent. */
	inputIds: readonly number[];
	/** The reply tells them; others tell no more than their number. */
	showsIds: boolean;
	completionIds: readonly number[];
	logprobs: readonly number[];
	finishReason: string;
	/** Of the message, in their order. */
	messageKeys: readonly string[];
	/** Names of the payloads in it. */
	payloads: readonly string[];
}

export interface LiveEngine {
	/** Base URL. */
	url: string;
	/** As the engine tells it. */
	release: string;
	vocabSize: number;
	/** Answers the next chat so. */
	refuseNext(status: number, body: string): Promise<void>;
	/** Holds the next chat until it is aborted. */
	holdNext(): Promise<void>;
	/** Resolves when a chat has come that is held. */
	held(): Promise<void>;
	/** Resolves when the engine has ended a run because it was told to, and for no other reason. */
	aborted(): Promise<void>;
	close(): Promise<void>;
}

export interface DialectFixtures {
	/** Of the recorded replies. */
	vocabSize: number;
	recorded: readonly RecordedReply[];
	/** Replies of status 200 that prove nothing, and what is said of them. */
	unusable: ReadonlyArray<{ name: string; bytes: Buffer; says: RegExp }>;
	/** Members, as JSON text, with which a client would decide what it must not. */
	hostile: readonly string[];
	/** Fields of a body that the engine takes as our own, whatever the client says. */
	forced: Members;
	/** Reads a body as the engine does; `client` holds what is the client's to choose. */
	read(body: Members): { ids: unknown; attemptId: unknown; client: Members };
	start(): Promise<LiveEngine>;
}

const TURN: Omit<TurnRequest, "inputIds"> = {
	kwargs: new Map(),
	overridesJson: null,
	r3: "off",
	routedExpertsStartLen: null,
	samplingReplay: false,
	servedModel: null,
	attemptId: "00112233445566778899aabbccddeeff",
};
const USER: JsonObject = new Map([
	["role", "user"],
	["content", "What is the weather in Graz?"],
]);
const NOBODY = "http://127.0.0.1:9";

export function describeEngineDialect(name: string, dialect: EngineDialect, fixtures: DialectFixtures): void {
	const idsText = (ids: readonly number[]) => [Buffer.from(ids.join(","))];

	function sent(body: string, ids: readonly number[], turn: Partial<TurnRequest> = {}): EngineRequest {
		const bytes = Buffer.from(body);
		return dialect.request(bytes, scanObject(bytes, { maxDepth: 64 }), {
			...TURN,
			inputIds: idsText(ids),
			...turn,
		});
	}

	function bodyOf(request: EngineRequest): { text: string; value: Members } {
		const bytes = Buffer.concat(request.chunks);
		expect(bytes).toHaveLength(request.byteLength);
		return { text: bytes.toString(), value: JSON.parse(bytes.toString()) as Members };
	}

	function readReply(
		bytes: Buffer,
		ids: readonly number[],
		options: { vocabSize?: number; chunk?: number } = {},
	) {
		const scanner = new ReplyScanner({ sites: dialect.sites });
		const step = options.chunk ?? bytes.length;
		for (let at = 0; at < bytes.length; at += step) scanner.push(bytes.subarray(at, at + step));
		return dialect.readReply(scanner.end(), {
			vocabSize: options.vocabSize ?? fixtures.vocabSize,
			inputIdsText: idsText(ids),
			inputIdsCount: ids.length,
		});
	}

	describe(`A turn's request to ${name}`, () => {
		it("carries our ids and the attempt's id, whatever the client says of them", () => {
			for (const hostile of ["", ...fixtures.hostile.map((member) => `${member},`)]) {
				const { text, value } = bodyOf(sent(`{${hostile}"messages":[],"n":1}`, [5, 6, 7]));
				expect(fixtures.read(value)).toMatchObject({ ids: [5, 6, 7], attemptId: TURN.attemptId });
				expect(value).toMatchObject(fixtures.forced);
				expect(text.split(TURN.attemptId)).toHaveLength(2);
			}
		});

		it("keeps the client's sampling fields; the session's own win, and the served model is named", () => {
			const body = '{"model":"default","messages":[],"temperature":0.25,"seed":12345678901,"max_tokens":7}';
			const { client } = fixtures.read(bodyOf(sent(body, [1])).value);
			expect(client).toMatchObject({ temperature: 0.25, seed: 12345678901, max_tokens: 7 });
			const turn = { overridesJson: '{"temperature":0.5}', servedModel: "Qwen/Qwen3-8B" };
			const pinned = bodyOf(sent(body, [1], turn)).value;
			expect(fixtures.read(pinned).client).toMatchObject({ temperature: 0.5, max_tokens: 7 });
			expect(pinned["model"]).toBe("Qwen/Qwen3-8B");
		});

		it("passes the template's kwargs on where there are any", () => {
			const kwargs: JsonObject = new Map([["a", new JsonNumber("1.50")]]);
			expect(bodyOf(sent('{"messages":[]}', [1], { kwargs })).text).toContain('{"a":1.50}');
		});

		it("is recorded without the attempt, and with messages and ids put back it is what was sent", () => {
			fc.assert(
				fc.property(
					fc.array(fc.jsonValue()),
					fc.dictionary(fc.string(), fc.jsonValue()),
					(messages, more) => {
						const body = JSON.stringify({ ...more, messages });
						const request = sent(body, [3, 44, 555]);
						const { bytes, holes } = request.record;
						const record = Buffer.concat(bytes);
						expect(record.toString()).not.toContain(TURN.attemptId);
						const whole = JSON.parse(
							record.toString("utf8", 0, holes.messages) +
								JSON.stringify(messages).slice(1, -1) +
								record.toString("utf8", holes.messages, holes.inputIds) +
								"3,44,555" +
								record.toString("utf8", holes.inputIds),
						) as Members;
						const { value } = bodyOf(request);
						expect(Object.keys(value)).toEqual(expect.arrayContaining(Object.keys(whole)));
						for (const [key, item] of Object.entries(whole)) expect(value[key]).toEqual(item);
						expect(fixtures.read(whole).ids).toEqual([3, 44, 555]);
					},
				),
				{ numRuns: 50 },
			);
		});
	});

	describe(`A reply that a real ${name} gave`, () => {
		it.each(fixtures.recorded)("$name is read, in one piece or in many", (recorded) => {
			const whole = readReply(recorded.bytes, recorded.inputIds);
			expect([...whole.completionIds]).toEqual(recorded.completionIds);
			expect([...whole.logprobs]).toEqual(recorded.logprobs);
			expect([...whole.message.keys()]).toEqual(recorded.messageKeys);
			expect(whole.finishReason).toBe(recorded.finishReason);
			expect(whole.responseId).not.toBe("");
			const { start, end } = whole.messageRange;
			expect(Object.keys(JSON.parse(whole.reply.toString("utf8", start, end)) as Members)).toEqual(
				recorded.messageKeys,
			);
			for (const chunk of [1, 7, 1024]) {
				const split = readReply(recorded.bytes, recorded.inputIds, { chunk });
				expect(split.reply.equals(whole.reply)).toBe(true);
				expect(split.excerpts.map(({ field, offset }) => [field, offset])).toEqual(
					whole.excerpts.map(({ field, offset }) => [field, offset]),
				);
			}
		});

		it.each(fixtures.recorded)("$name says the same once its excerpts are put back", (recorded) => {
			const read = readReply(recorded.bytes, recorded.inputIds);
			const { prompt, value } = putBack(read);
			const original = JSON.parse(recorded.bytes.toString()) as Members;
			// Prompt ids that the engine spelled as null are filled in.
			expect(JSON.stringify(value)).toBe(
				prompt === null
					? JSON.stringify(original)
					: JSON.stringify(original).replace('"prompt_token_ids":null', `"prompt_token_ids":${prompt}`),
			);
			const payloads = read.excerpts.filter(({ field }) => field !== "prompt_token_ids");
			expect(payloads.map(({ field }) => field)).toEqual(recorded.payloads);
			expect(
				read.reply.length + payloads.reduce((sum, { byteLength }) => sum + byteLength, 0),
			).toBeLessThanOrEqual(recorded.bytes.length + (prompt?.length ?? 0));
		});

		it.each(fixtures.recorded)("$name is no answer to other ids, nor to a smaller vocabulary", (recorded) => {
			expect(() => readReply(recorded.bytes, [...recorded.inputIds, 1])).toThrow(
				expect.objectContaining({ code: "upstream_rendered_itself", status: 502 }),
			);
			const last = recorded.inputIds.at(-1) ?? 0;
			const altered = () => readReply(recorded.bytes, [...recorded.inputIds.slice(0, -1), last + 1]);
			if (recorded.showsIds)
				expect(altered).toThrow(expect.objectContaining({ code: "upstream_rendered_itself" }));
			else expect(altered).not.toThrow();
			const vocabSize = Math.max(...recorded.completionIds);
			expect(() => readReply(recorded.bytes, recorded.inputIds, { vocabSize })).toThrow(
				expect.objectContaining({ code: "upstream_invalid", status: 502 }),
			);
		});

		it.each(fixtures.unusable)("$name is refused with the reason", ({ bytes, says }) => {
			expect(() => readReply(bytes, [1])).toThrow(says);
			expect(() => readReply(bytes, [1])).toThrow(
				expect.objectContaining({ name: "RollpinError", status: 502 }),
			);
		});
	});

	describe(`A running ${name}`, () => {
		let engine: LiveEngine;
		beforeAll(async () => {
			engine = await fixtures.start();
		});
		afterAll(() => engine.close());

		function connected(): EngineClient {
			const client = new EngineClient({ baseUrl: engine.url, dialect, timeoutMs: 20_000 });
			onTestFinished(() => client.close());
			return client;
		}

		function chat(
			client: EngineClient,
			ids: readonly number[],
			attemptId: string,
			signal = new AbortController().signal,
		): ReturnType<EngineClient["chat"]> {
			const { byteLength, chunks } = sent('{"messages":[],"max_tokens":4}', ids, { attemptId });
			return client.chat({
				chunks,
				byteLength,
				attemptId,
				headers: ["content-type", "application/json"],
				query: "",
				signal,
				vocabSize: engine.vocabSize,
				inputIdsText: idsText(ids),
				inputIdsCount: ids.length,
			});
		}

		function ownPrompt(url: string) {
			return dialect.ownPrompt({
				url,
				model: "default",
				messages: [USER],
				tools: undefined,
				chatTools: undefined,
				toolChoice: null,
				kwargs: new Map(),
				signal: AbortSignal.timeout(10_000),
			});
		}

		it("tells its name, its release and how it spells tools, and may be used", async () => {
			expect(await dialect.identify(engine.url)).toMatchObject({
				kind: "answered",
				engine: dialect.name,
				release: engine.release,
				toolSchema: expect.any(Number),
				unfit: null,
			});
			expect(await dialect.modelName(engine.url, AbortSignal.timeout(10_000))).toMatch(/./);
		});

		it("generates from the ids it makes of messages by itself, and scores them again", async () => {
			const own = await ownPrompt(engine.url);
			if (own.kind !== "ids") throw new Error(own.reason);
			const result = await chat(connected(), own.ids, "1".repeat(32));
			if (result.kind !== "generated") throw new Error(result.refusal.body.toString());
			const { completionIds, headers, logprobs } = result.generation;
			expect(completionIds.length).toBeGreaterThan(0);
			expect(logprobs).toHaveLength(completionIds.length);
			expect(new Map(headers).get("content-type")).toMatch(/^application\/json/);
			const ids = [...own.ids, ...completionIds];
			const scores = await dialect.score(engine.url, ids.join(","), AbortSignal.timeout(10_000));
			if ("error" in scores) throw new Error(scores.error);
			expect(scores.ids).toEqual(ids);
			expect(scores.logprobs.slice(1).every((logprob) => typeof logprob === "number")).toBe(true);
		});

		it("refuses in its own words, which pass as they are", async () => {
			await engine.refuseNext(400, '{"message":"too long"}');
			const result = await chat(connected(), [1, 2], "2".repeat(32));
			expect(result).toMatchObject({ kind: "refused", refusal: { status: 400 } });
			expect(result.kind === "refused" && result.refusal.body.toString()).toBe('{"message":"too long"}');
		});

		it("ends a run at once when it is told that nobody wants it", async () => {
			await engine.holdNext();
			const gone = new AbortController();
			const held = chat(connected(), [1, 2], "3".repeat(32), gone.signal);
			const ended = expect(held).rejects.toThrow("nobody wants it");
			await within("the chat at the engine", 10_000, engine.held());
			gone.abort(new Error("nobody wants it"));
			await ended;
			await within("the end of the run", 10_000, engine.aborted());
		});
	});

	describe(`A question to a ${name} that is not there`, () => {
		it("ends with a reason and never throws", async () => {
			const signal = AbortSignal.timeout(10_000);
			expect(await dialect.identify(NOBODY)).toEqual({ kind: "unreachable", code: "ECONNREFUSED" });
			expect(await dialect.modelName(NOBODY, signal)).toMatch(/./);
			expect(await dialect.score(NOBODY, "1,2", signal)).toMatchObject({
				error: expect.stringMatching(/ECONNREFUSED/),
			});
			const asked = { url: NOBODY, model: "m", messages: [USER], kwargs: new Map() };
			expect(
				await dialect.ownPrompt({
					...asked,
					tools: undefined,
					chatTools: undefined,
					toolChoice: null,
					signal,
				}),
			).toEqual({ kind: "unreachable", reason: "ECONNREFUSED" });
		});
	});
}

/** The reply with its excerpts in their places; and the text of the prompt ids' list, null when there is none. */
function putBack({ excerpts, reply }: ReadReply): { value: unknown; prompt: string | null } {
	let text = "";
	let from = 0;
	let prompt: string | null = null;
	for (const { bytes, field, offset } of excerpts) {
		const taken = Buffer.concat([...bytes]).toString();
		if (field === "prompt_token_ids") prompt = `[${taken.replaceAll(/\s/g, "")}]`;
		text += reply.toString("utf8", from, offset) + taken;
		from = offset;
	}
	return { value: JSON.parse(text + reply.toString("utf8", from)), prompt };
}
