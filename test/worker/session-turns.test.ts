// GET turns: every stored turn once, with what it added; together the spans are the recorded tokens.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { message, read, say, talk, user } from "../support/talk.js";
import { startRig, type WorkerRig } from "../support/worker-rig.js";

interface Turn {
	turn: number;
	parent: number | null;
	status: string;
	kept: number;
	trimmed: number;
	appended: number;
	sampled: number;
	messages: object[];
	answer: object;
	spans: Array<{ kind: string; text: string; ids: number[] }>;
}

let rig: WorkerRig;
beforeAll(async () => {
	rig = await startRig();
});
afterAll(() => rig.close());
beforeEach(() => rig.control.reset());

const get = async (id: string, query = "") => {
	const reply = await rig.request("GET", `/sessions/${id}/turns${query}`);
	return {
		status: reply.status,
		...(JSON.parse(reply.text) as { turns: Turn[]; metadata: object; session: object }),
	};
};

describe("GET turns", () => {
	it("has each turn's own messages, answer and counts; the spans of the path are its accumulated tokens", async () => {
		const { id, history } = await talk(rig, "one", "two", "three");
		const { metadata, records } = await read(rig, id);
		const { turns, session, ...whole } = await get(id, "?tokens=true");
		expect(turns.map(({ messages }) => messages)).toEqual([[user("one")], [user("two")], [user("three")]]);
		expect(turns.map(({ answer }) => answer)).toEqual([1, 3, 5].map((at) => history[at]));
		const ids: number[] = [];
		for (const { spans, kept, trimmed, appended, sampled } of turns) {
			const of = (kind: string) => spans.find((span) => span.kind === kind)?.ids ?? [];
			ids.length -= trimmed;
			expect(of("trimmed")).toHaveLength(trimmed);
			expect(ids).toHaveLength(kept);
			const added = [...of("prompt"), ...of("injected")];
			expect([added.length, of("sampled").length]).toEqual([appended, sampled]);
			ids.push(...added, ...of("sampled"));
			for (const span of spans) expect(span.text).toBe(await rig.tito.decode(Int32Array.from(span.ids)));
		}
		expect(ids).toEqual(metadata.accumulated_token_ids);
		expect(turns.map(({ spans }) => spans.map(({ kind }) => kind))).toEqual([
			["prompt", "sampled"],
			["injected", "sampled"],
			["injected", "sampled"],
		]);
		expect(turns.at(-1)?.sampled).toBe(
			records.at(-1)?.response.choices[0]?.meta_info.output_token_logprobs.length,
		);
		expect(whole.metadata).toMatchObject({
			tito_session_mismatch: expect.any(Array),
			history: { rollbacks: 0 },
		});
		expect(session).toMatchObject({
			turns: 3,
			tokens: ids.length,
			in_flight: 0,
			running: 0,
			running_since: null,
		});
	});

	it("has no spans when they are not asked for", async () => {
		const { id } = await talk(rig, "one");
		expect((await get(id)).turns[0]).not.toHaveProperty("spans");
		expect((await get(id, "?tokens=maybe")).status).toBe(400);
	});

	it("has superseded and provisional turns too, each in its place", async () => {
		const { id, history } = await talk(rig, "one", "two");
		expect((await rig.chat(id, say(...history.slice(0, 2), user("else")))).status).toBe(200);
		await rig.control.script({ finishReason: "abort" });
		const aborted = await rig.chat(id, say(...history.slice(0, 2), user("else"), history[3] as object));
		expect(aborted.status).toBe(400);
		const { turns } = await get(id);
		expect(turns.map(({ turn, parent, status }) => [turn, parent, status])).toEqual([
			[0, null, "committed"],
			[1, 0, "superseded"],
			[2, 0, "committed"],
		]);
		const { records } = await read(rig, id);
		const answer = records.at(-1)?.response.choices[0]?.message as object;
		await rig.chat(id, say(...history.slice(0, 2), user("else"), answer, user("more")));
		expect((await get(id)).turns.at(-1)).toMatchObject({ turn: 3, parent: 2, status: "provisional" });
	});

	it("is the 404 of every read for an id that nobody has made, or that is gone", async () => {
		const unknown = await rig.request("GET", "/sessions/never/turns");
		expect([unknown.status, unknown.json.error?.code]).toEqual([404, "session_not_found"]);
		const id = await rig.create();
		expect((await get(id)).turns).toEqual([]);
		await rig.request("DELETE", `/sessions/${id}`);
		expect((await rig.request("GET", `/sessions/${id}/turns`)).json.error?.code).toBe("session_deleted");
	});
});

describe("GET /sessions", () => {
	it("says who runs since when, and which worker answered; a filter is about all pages", async () => {
		await rig.close();
		rig = await startRig();
		const ids: string[] = [];
		for (let at = 0; at < 5; at++) ids.push(await rig.create({ metadata: { odd: at % 2 === 1, at } }));
		const odd = await rig.request("GET", "/sessions?where=odd=true&limit=1");
		const last = await rig.request("GET", `/sessions?where=odd=true&limit=1&cursor=${odd.json.next_cursor}`);
		const found = [...odd.json.sessions, ...last.json.sessions].map(({ session_id }) => session_id);
		expect(found.toSorted()).toEqual([ids[1], ids[3]].toSorted());
		expect(last.json.next_cursor).toBeNull();
		expect(odd.json).toMatchObject({ worker: 0 });
		await rig.control.script({ gate: "held" });
		const held = rig.chat(ids[2] ?? "", say(user("one")));
		await rig.control.arrivedAtGate("held");
		const running = (await rig.request("GET", "/sessions?running=true")).json.sessions;
		expect(running).toEqual([
			expect.objectContaining({
				session_id: ids[2],
				in_flight: 1,
				running: 1,
				running_since: expect.any(Number),
			}),
		]);
		await rig.control.release("held");
		expect(message(await held)).toBeTruthy();
	});
});
