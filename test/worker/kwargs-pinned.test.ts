// Template kwargs are a session's for good: its first turn makes them, a later turn with others is refused.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startRig, type WorkerRig } from "../support/worker-rig.js";

let rig: WorkerRig;
beforeAll(async () => {
	rig = await startRig();
});
afterAll(() => rig.close());

const user = (content: string) => ({ role: "user", content });
const chat = (id: string, messages: object[], kwargs?: object) =>
	rig.chat(id, {
		model: "m",
		messages,
		max_tokens: 8,
		...(kwargs === undefined ? {} : { chat_template_kwargs: kwargs }),
	});

describe("chat_template_kwargs of a session", () => {
	it("that a later turn changes, adds or leaves out are a 400 that names key and values and changes nothing", async () => {
		const id = await rig.create();
		const first = await chat(id, [user("one")], { mood: "calm" });
		expect(first.status).toBe(200);
		const messages = [user("one"), first.json.choices[0]?.message as object, user("two")];
		const before = (await rig.request("GET", `/sessions/${id}`)).json;
		for (const [kwargs, words] of [
			[{ mood: "wild" }, 'mood is "wild", but the turns before have "calm"'],
			[{ mood: "calm", more: 1 }, "more is 1, but the turns before have not set"],
			[undefined, 'mood is not set, but the turns before have "calm"'],
		] as const) {
			const refused = await chat(id, messages, kwargs);
			expect(refused.status).toBe(400);
			expect(JSON.stringify(refused.json)).toContain(JSON.stringify(words).slice(1, -1));
		}
		expect((await rig.request("GET", `/sessions/${id}`)).json).toEqual(before);
		expect((await chat(id, messages, { mood: "calm" })).status).toBe(200);
	});

	it("are chosen anew by a retry of the first turn", async () => {
		const id = await rig.create();
		expect((await chat(id, [user("one")], { mood: "calm" })).status).toBe(200);
		expect((await chat(id, [user("one")], { mood: "wild" })).status).toBe(200);
	});
});
