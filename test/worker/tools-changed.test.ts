// Tools of a later turn never reach the prompt: the log says so, once for each change.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createDiskDir, type DiskDir } from "../support/disk-dir.js";
import { type Reply, startRig, type WorkerRig } from "../support/worker-rig.js";

let dir: DiskDir;
let rig: WorkerRig;
beforeAll(async () => {
	dir = await createDiskDir();
	rig = await startRig({}, () => dir.open());
});
afterAll(async () => {
	await rig.close();
	await dir.remove();
});
beforeEach(() => {
	rig.events.length = 0;
});

const user = (content: string) => ({ role: "user", content });
const tool = (name: string) => ({ type: "function", function: { name, parameters: {} } });
const reply = (answer: Reply) => answer.json.choices[0]?.message as { role: string; content: string };
const told = () =>
	rig.events
		.filter(({ event }) => event === "tools_changed")
		.map(({ fields }) => [fields.session_id, fields.turn, fields.change]);

/** Chats with one session, each going on behind the one before. */
function conversation(id: string) {
	const messages: object[] = [];
	return async (content: string, rest: object = {}) => {
		messages.push(user(content));
		const answer = await rig.chat(id, { model: "m", messages, max_tokens: 8, ...rest });
		expect(answer.status).toBe(200);
		messages.push(reply(answer));
		return answer;
	};
}

describe("tools that change within a session", () => {
	it("are told once, with the turn and the request they came with", async () => {
		const id = await rig.create();
		const say = conversation(id);
		await say("one");
		await say("two", { tools: [tool("a")] });
		await say("three", { tools: [tool("a")] });
		expect(told()).toEqual([[id, 1, "added"]]);
		const done = rig.events.filter(({ event }) => event === "chat_done")[1];
		const changed = rig.events.find(({ event }) => event === "tools_changed");
		expect(changed?.fields.req_id).toBe(done?.fields.req_id);
		await say("four", { tools: [tool("a"), tool("b")] });
		await say("five", { tools: null });
		expect(told().slice(1)).toEqual([
			[id, 3, "replaced"],
			[id, 4, "removed"],
		]);
	});

	it("do not reach the prompt: the engine gets the same ids with them and without", async () => {
		const prompts: number[][] = [];
		for (const rest of [{}, { tools: [tool("unheard_of")] }]) {
			const id = await rig.create();
			const say = conversation(id);
			await rig.control.script({ message: { role: "assistant", content: "x" } });
			await say("one");
			await say("two", rest);
			const { records } = (await rig.request("GET", `/sessions/${id}`)).json;
			prompts.push(records[1]?.request.input_ids ?? []);
		}
		expect(prompts[0]?.length).toBeGreaterThan(0);
		expect(prompts[1]).toEqual(prompts[0]);
		expect(told()).toHaveLength(1);
	});

	it("are not told when only their spelling differs, or an empty list stands for none", async () => {
		const id = await rig.create();
		const say = conversation(id);
		await say("one", { tools: [tool("a")] });
		const { messages } = (await rig.request("GET", `/sessions/${id}`)).json.records[0]?.request ?? {};
		const history = JSON.stringify([...(messages ?? []), user("two")]);
		const spelled = '[ {"type":"function", "function":{"name":"\\u0061","parameters":{ }} } ]';
		const body = Buffer.from(`{"model":"m","max_tokens":8,"tools":${spelled},"messages":${history}}`);
		expect((await rig.chat(id, body)).status).toBe(200);
		const other = conversation(await rig.create());
		await other("one");
		await other("two", { tools: [] });
		expect(told()).toEqual([]);
	});

	it("are not told for a retry of the first turn: its prompt is written anew, with its tools", async () => {
		const id = await rig.create();
		const say = (content: string, rest: object) =>
			rig.chat(id, { model: "m", messages: [user(content)], max_tokens: 8, ...rest });
		await say("one", { tools: [tool("a")] });
		expect((await say("another", { tools: [tool("b")] })).status).toBe(200);
		expect(told()).toEqual([]);
	});

	it("are told once for a turn that is retried with them", async () => {
		const id = await rig.create();
		const first = await rig.chat(id, { model: "m", messages: [user("one")], max_tokens: 8 });
		for (const content of ["two", "two again"]) {
			const messages = [user("one"), reply(first), user(content)];
			const answer = await rig.chat(id, { model: "m", messages, max_tokens: 8, tools: [tool("a")] });
			expect(answer.status).toBe(200);
		}
		expect(told()).toEqual([[id, 1, "added"]]);
	});

	it("are told over a restart too", async () => {
		const id = await rig.create();
		const say = conversation(id);
		await say("one", { tools: [tool("a")] });
		await rig.restart();
		await say("two", { tools: [tool("a")] });
		expect(told()).toEqual([]);
		await say("three", { tools: [tool("b")] });
		expect(told()).toEqual([[id, 2, "replaced"]]);
	});

	it("are compared from the next turn on where an older version recorded the last one", async () => {
		const id = await rig.create();
		const say = conversation(id);
		await say("one", { tools: [tool("a")] });
		const [header] = await rig.store.headers(id as never);
		if (header === undefined) throw new Error("no turn was stored");
		const { toolsHash, ...older } = header;
		expect(toolsHash).toMatch(/^[0-9a-f]{16}$/);
		await rig.store.commit([{ op: "put_header", session: id as never, header: older }]);
		await rig.restart();
		await say("two", { tools: [tool("b")] });
		expect(told()).toEqual([]);
		await say("three", { tools: [tool("c")] });
		expect(told()).toEqual([[id, 2, "replaced"]]);
	});
});
