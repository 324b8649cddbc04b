// Samples of a session that changes while they are made, over a store on disk: whole or refused, never in between.
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { type CompiledFixture, compileFixture } from "../support/compiled-fixture.js";
import { type RaceRig, startRaceRig } from "../support/race-rig.js";
import { readSamples } from "../support/samples.js";
import { within } from "../support/wait.js";
import type { Reply } from "../support/worker-rig.js";

let thread: CompiledFixture;
let rig: RaceRig;
beforeAll(async () => {
	thread = compileFixture("samples-thread");
	rig = await startRaceRig({ r3: "full" }, thread.path);
});
afterAll(async () => {
	await rig.close();
	await thread.remove();
});
beforeEach(() => rig.control.reset());

const user = (content: string) => ({ role: "user", content });
const say = (...messages: object[]) => ({ model: "m", messages, max_tokens: 4096 });
const collect = (id: string) => within("the samples", 15_000, rig.request("POST", `/sessions/${id}/samples`));
const told = (reply: Reply) => [reply.status, reply.json.error?.code];

it("a DELETE does not wait for samples, and they become a 404, not an empty container", async () => {
	const id = await rig.create();
	await rig.chat(id, say(user("one")));
	for (const part of ["prompt", "reply", "request"]) {
		const other = await rig.create();
		await rig.chat(other, say(user(part)));
		const point = rig.points.arm(`${other} before part ${part}`);
		const samples = collect(other);
		await point.arrived();
		expect((await rig.request("DELETE", `/sessions/${other}`)).status).toBe(204);
		point.open();
		expect(told(await samples)).toEqual([404, "session_deleted"]);
	}
	expect(readSamples(await collect(id)).samples).toHaveLength(1);
});

it("a provisional turn that is superseded while it is read gives the turn that superseded it", async () => {
	const id = await rig.create();
	await rig.control.script({ finishReason: "abort" });
	await rig.chat(id, say(user("one")));
	for (const part of ["completion", "reply"]) {
		const point = rig.points.arm(`${id} before part ${part}`);
		const samples = collect(id);
		await point.arrived();
		const finish = part === "completion" ? "abort" : "stop";
		await rig.control.script({ finishReason: finish });
		expect((await rig.chat(id, say(user("one")))).status).toBe(200);
		point.open();
		const status = finish === "abort" ? "aborted" : "completed";
		expect(readSamples(await samples).samples.map((sample) => sample.status)).toEqual([status]);
	}
});

it("a turn that is rolled back while it is read stays readable: the samples are those of the moment they were asked", async () => {
	const id = await rig.create();
	await rig.chat(id, say(user("one")));
	const before = await collect(id);
	const point = rig.points.arm(`${id} before part completion`);
	const samples = collect(id);
	await point.arrived();
	await rig.control.script({ text: "something else" });
	expect((await rig.chat(id, say(user("one")))).status).toBe(200);
	point.open();
	expect(readSamples(await samples).samples).toEqual(readSamples(before).samples);
	expect(readSamples(await collect(id)).samples[0]?.response).toMatch(/^something else/);
});

it("samples are byte for byte the same after a restart of the worker", async () => {
	const id = await rig.create();
	const one = await rig.chat(id, say(user("one")));
	await rig.control.script({ finishReason: "abort" });
	await rig.chat(id, say(user("one"), one.json.choices[0]?.message as object, user("two")));
	const before = await collect(id);
	expect(readSamples(before).samples[0]?.status).toBe("aborted");
	await rig.restart();
	expect((await collect(id)).bytes.equals(before.bytes)).toBe(true);
});
