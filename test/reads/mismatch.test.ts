// The mismatch report over a whole worker: what reads say of the stored ids, what is counted and logged, and never more.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Tito } from "../../src/tito/tito.js";
import { type CompiledFixture, compileFixture } from "../support/compiled-fixture.js";
import { readSamples } from "../support/samples.js";
import { collect, read, talk } from "../support/talk.js";
import { startRig, type WorkerRig } from "../support/worker-rig.js";

let thread: CompiledFixture;
beforeAll(() => {
	thread = compileFixture("samples-thread");
});
afterAll(() => thread.remove());

describe("the mismatch report", () => {
	let rig: WorkerRig;
	beforeAll(async () => {
		rig = await startRig({}, undefined, undefined, undefined, thread.path);
	});
	afterAll(() => rig.close());
	beforeEach(() => rig.control.reset());

	it("is absent before the first turn", async () => {
		const { metadata } = await read(rig, await rig.create());
		const history = { rollbacks: 0, refused: 0, branches: 0, last: null };
		expect(metadata).toEqual({ accumulated_token_ids: [], max_trim_tokens: 0, history });
	});

	it("compares the stored ids with a fresh render of the stored messages", async () => {
		const { id } = await talk(rig, "one", "two");
		const { metadata, records } = await read(rig, id);
		const answer = records.at(-1)?.response.choices[0]?.message as object;
		const messages = [...(records.at(-1)?.request.messages ?? []), answer] as never[];
		const asMaps = (await import("../../src/json/parse.js")).parseJson(JSON.stringify(messages)) as never[];
		const kwargs = rig.tito.effectiveKwargs(undefined);
		const rendered = await rig.tito.encodeConversation({ messages: asMaps, tools: undefined, kwargs });
		const same = JSON.stringify([...rendered]) === JSON.stringify(metadata.accumulated_token_ids);
		expect(metadata.tito_session_mismatch?.length === 0).toBe(same);
		expect(metadata).not.toHaveProperty("tito_mismatch_error");
	});

	it("is counted when it is hard", async () => {
		const { id } = await talk(rig, "one");
		const before = (await rig.figures()).hard_mismatches;
		const { metadata } = await read(rig, id);
		const hard = metadata.tito_session_mismatch?.some(({ type }) => type !== "assistant_text");
		expect((await rig.figures()).hard_mismatches).toBe(before + (hard ? 1 : 0));
		await rig.control.script({ finishReason: "length", text: "cut <|im_start|> off" });
		const cut = await talk(rig, "two");
		await read(rig, cut.id);
		expect((await rig.figures()).hard_mismatches).toBe(before + (hard ? 2 : 1));
	});

	it("is told in the log when it is hard: once for each session, and without its text", async () => {
		rig.events.length = 0;
		await rig.control.script({ finishReason: "length", text: "a secret <|im_start|> cut off" });
		const { id } = await talk(rig, "one");
		const { metadata } = await read(rig, id);
		await read(rig, id);
		await collect(rig, id);
		const hard = metadata.tito_session_mismatch?.filter(({ type }) => type !== "assistant_text") ?? [];
		expect(JSON.stringify(hard)).toContain("secret");
		const told = rig.events.filter(({ event }) => event === "hard_mismatch");
		expect(told.map(({ fields }) => fields)).toEqual([
			{
				session_id: id,
				turn: 0,
				count: hard.length,
				mismatch: `${hard[0]?.type} at segment ${hard[0]?.segment_index}`,
			},
		]);
		await rig.control.script({ finishReason: "length", text: "a secret <|im_start|> cut off" });
		const other = await talk(rig, "two");
		await read(rig, other.id);
		const sessions = rig.events.filter(({ event }) => event === "hard_mismatch");
		expect(sessions.map(({ fields }) => fields.session_id)).toEqual([id, other.id]);
		expect(JSON.stringify(sessions)).not.toContain("secret");
	});

	it("is made whatever a model samples as a call's arguments", async () => {
		for (const args of ["", "{not json", "[1]", '{"n": 1E400}']) {
			const call = { id: "c", type: "function", function: { name: "f", arguments: args } };
			await rig.control.script({ message: { role: "assistant", content: "", tool_calls: [call] } });
			const { id } = await talk(rig, "one");
			expect((await read(rig, id)).metadata.tito_session_mismatch, args).toBeInstanceOf(Array);
		}
	});

	it("says why when it cannot be made", async () => {
		await rig.control.script({ message: { role: "assistant", content: "half a pair: \ud83d" } });
		const { id } = await talk(rig, "one");
		const { metadata } = await read(rig, id);
		expect(metadata).not.toHaveProperty("tito_session_mismatch");
		expect(metadata.tito_mismatch_error).toMatch(/half of a surrogate pair/);
		expect(readSamples(await collect(rig, id)).sessionMetadata).toEqual(metadata);
	});
});

describe("a mismatch report that fails by a fault of our own", () => {
	const fault = new TypeError("inner secret");
	let broken = false;
	let rig: WorkerRig;
	beforeAll(async () => {
		const breakable = (tito: Tito): Tito => {
			const encode = tito.encodeConversation.bind(tito);
			tito.encodeConversation = (input) => (broken ? Promise.reject(fault) : encode(input));
			return tito;
		};
		rig = await startRig({}, undefined, breakable, undefined, thread.path);
	});
	afterAll(() => rig.close());

	it("leaves the read whole, says nothing of the inside and is logged with its error", async () => {
		const { id } = await talk(rig, "one");
		broken = true;
		const { metadata, records } = await read(rig, id);
		expect(records).toHaveLength(1);
		expect(metadata).not.toHaveProperty("tito_session_mismatch");
		expect(metadata.tito_mismatch_error).toBe("internal error during the comparison; the log has it");
		const logged = rig.events.filter(({ event }) => event === "mismatch_report_failed");
		expect(logged.map(({ fields }) => fields)).toEqual([{ session_id: id, turn: 0, err: fault }]);
		expect(readSamples(await collect(rig, id)).sessionMetadata).toEqual(metadata);
	});
});
