// What a session says of its own history: its mode and matcher, what was refused, thrown away or branched, and where.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Reply, startRig, type WorkerRig } from "../support/worker-rig.js";

let rig: WorkerRig;
beforeAll(async () => {
	rig = await startRig();
});
afterAll(() => rig.close());
beforeEach(async () => {
	await rig.control.reset();
	rig.events.length = 0;
});

const user = (content: unknown) => ({ role: "user", content });
const say = (...messages: object[]) => ({ model: "m", messages, max_tokens: 64 });
const reply = (answer: Reply) => answer.json.choices[0]?.message as unknown as { content: string };
const read = async (id: string) => (await rig.request("GET", `/sessions/${id}`)).json as never as Read;
interface Read {
	records: Array<{ request: { messages: Array<{ content: unknown }>; input_ids: number[] } }>;
	metadata: {
		history: { rollbacks: number; refused: number; branches: number; last: Record<string, unknown> | null };
		tree?: { leaves: unknown[] };
	};
	session: { mode: string; message_matcher: string };
}

describe("A session's own mode and matcher", () => {
	it("are the launch's unless it is created with others, and are shown", async () => {
		const plain = await read(await rig.create());
		expect(plain.session).toMatchObject({ mode: "linear", message_matcher: "echo" });
		const own = await read(await rig.create({ mode: "tree", message_matcher: "strict" }));
		expect(own.session).toMatchObject({ mode: "tree", message_matcher: "strict" });
		expect(own.metadata.tree).toEqual({ nodes: [], leaves: [] });
	});

	it.each([
		["mode", "forest", "mode must be one of linear, tree"],
		[
			"message_matcher",
			"loose",
			"message_matcher must be one of echo, strict, loose_tool_call, role_content_only",
		],
		["message_matcher", 1, "message_matcher must be one of"],
	])("are refused when there is no such one: %s %s", async (field, value, message) => {
		const headers = { "x-rollpin-session-id": "refused" };
		const refused = await rig.request("POST", "/sessions", { [field]: value }, { headers });
		expect([refused.status, refused.json.error?.code, refused.json.error?.param]).toEqual([
			400,
			"invalid_request",
			field,
		]);
		expect(refused.json.error?.message).toContain(message);
	});

	it("decide what becomes of its chats", async () => {
		for (const [body, expected] of [
			[{}, { status: 200, turns: 2 }],
			[{ message_matcher: "strict" }, { status: 400, turns: 1 }],
			[
				{ message_matcher: "strict", mode: "tree" },
				{ status: 200, turns: 1 },
			],
			[{ message_matcher: "role_content_only" }, { status: 400, turns: 1 }],
		] as const) {
			const id = await rig.create(body);
			const first = await rig.chat(id, say(user("one")));
			const parts = { ...reply(first), content: [{ type: "text", text: reply(first).content }] };
			const next = await rig.chat(id, say(user("one"), parts, user("two")));
			expect([body, { status: next.status, turns: (await read(id)).records.length }]).toEqual([
				body,
				expected,
			]);
		}
	});
});

describe("metadata.history", () => {
	it("counts refusals, which change nothing else and are stored with the next turn", async () => {
		const id = await rig.create();
		const first = await rig.chat(id, say(user("one")));
		expect((await read(id)).metadata.history).toEqual({ rollbacks: 0, refused: 0, branches: 0, last: null });
		const before = (await rig.figures()).history_refused;
		await rig.chat(id, say(user("one"), { ...reply(first), content: "other" }, user("two")));
		const refused = {
			kind: "history_mismatch",
			at: expect.any(Number),
			turn: 0,
			path: "messages[1].content",
		};
		expect((await read(id)).metadata.history).toEqual({
			rollbacks: 0,
			refused: 1,
			branches: 0,
			last: refused,
		});
		expect((await rig.figures()).history_refused).toBe(before + 1);
		expect(rig.events.find(({ event }) => event === "history_refused")?.fields).toMatchObject({
			code: "history_mismatch",
			path: "messages[1].content",
		});
		expect(JSON.stringify(rig.events)).not.toContain('"other"');
		await rig.chat(id, say(user("one"), reply(first), user("two")));
		expect((await read(id)).metadata.history.refused).toBe(1);
	});

	it("counts retries, and says where they part", async () => {
		const id = await rig.create();
		await rig.chat(id, say(user("one")));
		await rig.chat(id, say(user("one")));
		await rig.chat(id, say(user("another")));
		expect((await read(id)).metadata.history).toMatchObject({
			rollbacks: 2,
			last: { kind: "reworded", turn: 1, path: "messages[0].content" },
		});
		expect((await rig.figures()).rollbacks).toBeGreaterThanOrEqual(2);
	});

	it("leaves the turns that were thrown away readable, each as it was recorded", async () => {
		const id = await rig.create();
		const first = await rig.chat(id, say(user("one")));
		const history = [user("one"), reply(first)];
		await rig.chat(id, say(...history, user("two")));
		const thrown = (await read(id)).records[1];
		await rig.chat(id, say(...history, user("instead")));
		await rig.chat(id, say(...history, user("and instead")));
		const { json } = await rig.request("GET", `/sessions/${id}?superseded=true`);
		const { records, superseded } = json as never as Read & { superseded: Array<Record<string, unknown>> };
		expect(records).toHaveLength(2);
		expect(superseded.map(({ turn }) => turn)).toEqual([1, 2]);
		expect(superseded[0]).toEqual({ turn: 1, superseded: true, ...thrown });
		expect(await read(id)).not.toHaveProperty("superseded");
		const refused = await rig.request("GET", `/sessions/${id}?superseded=yes`);
		expect([refused.status, refused.json.error?.param]).toEqual([400, "superseded"]);
	});

	it("counts branches of a tree, with the turn they leave, where and why", async () => {
		const id = await rig.create({ mode: "tree" });
		const first = await rig.chat(id, say(user("one")));
		const two = [user("one"), reply(first), user("two")];
		await rig.chat(id, say(...two));
		expect((await read(id)).metadata.history.branches).toBe(0);
		for (const [messages, last] of [
			[two, { kind: "retry", turn: 1, path: "messages[3]" }],
			[[...two.slice(0, 2), user("other")], { kind: "reworded", turn: 2, path: "messages[2].content" }],
			[
				[user("one"), { ...reply(first), content: "edited" }, user("two")],
				{ kind: "edit", turn: 0, path: "messages[1].content" },
			],
			[[{ role: "system", content: "title" }, user("one")], { kind: "other", path: "messages[0]" }],
		] as const) {
			rig.events.length = 0;
			expect((await rig.chat(id, say(...messages))).status).toBe(200);
			const { history } = (await read(id)).metadata;
			expect(history.last).toMatchObject(last);
			const { path, turn } = history.last ?? {};
			expect(rig.events.find(({ event }) => event === "branch")?.fields).toMatchObject({ left: turn, path });
		}
		expect((await read(id)).metadata.history).toMatchObject({ rollbacks: 0, refused: 0, branches: 4 });
	});
});
