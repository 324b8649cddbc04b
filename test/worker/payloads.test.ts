// Replay payloads over a whole worker and a store on disk: stored behind the parent's, read as they came, given up on demand.
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ClusterConfig } from "../../src/config/cluster-config.js";
import { decodeSafetensors } from "../../src/samples/safetensors.js";
import type { SimTunables } from "../../src/sim/engine/options.js";
import { PayloadMaker } from "../../src/sim/engine/replay-payload.js";
import { compileSimTunables } from "../../src/sim/engine/tunables.js";
import { createMemoryStore } from "../../src/store/memory/memory-store.js";
import type { Store } from "../../src/store/store.js";
import { type CompiledFixture, compileFixture } from "../support/compiled-fixture.js";
import { createDiskDir, type DiskDir } from "../support/disk-dir.js";
import { type RecordJson, type Reply, startRig, type WorkerRig } from "../support/worker-rig.js";

let dir: DiskDir;
let thread: CompiledFixture;
let rig: WorkerRig;
beforeEach(async () => {
	dir = await createDiskDir();
	thread = compileFixture("samples-thread");
});
afterEach(async () => {
	await rig.close();
	await dir.remove();
	thread.remove();
});

const start = async (
	overrides: Partial<ClusterConfig>,
	sim: Partial<SimTunables> = {},
	open: () => Promise<Store> = () => dir.open(),
): Promise<void> => {
	const config = { r3: "full" as const, ...overrides };
	rig = await startRig(config, open, undefined, undefined, thread.path, sim);
};
const user = (content: string) => ({ role: "user", content });
const say = (...messages: object[]) => ({ model: "m", messages, max_tokens: 400 });
const answerOf = (reply: Reply) => reply.json.choices[0]?.message as object;
const LONG = "a question with many words ".repeat(60);
const payloadOf = (record: RecordJson) => record.response.choices[0]?.meta_info.routed_experts as string;
const read = async (id: string) => (await rig.request("GET", `/sessions/${id}`)).json;

/** The simulated engine's payload is a pure function of the ids it saw: made once more here, it tells every byte. */
function expectEngineOwn(record: RecordJson, sim: Partial<SimTunables> = {}): void {
	const sampled = record.response.choices[0]?.meta_info.output_token_logprobs.map((entry) => entry[1]) ?? [];
	const ids = Int32Array.from([...record.request.input_ids, ...sampled]);
	const { seed, r3Layers, r3TopK, r3Experts } = compileSimTunables(sim);
	const maker = new PayloadMaker(seed, { layers: r3Layers, topK: r3TopK, bound: r3Experts });
	const made = Buffer.concat([...maker.make(ids, 0).chunks()]).toString("latin1");
	expect(made.length).toBeGreaterThan(0);
	expect(payloadOf(record) === made).toBe(true);
}

async function talk(id: string, turns: number, history: object[] = []): Promise<object[]> {
	for (let turn = 0; turn < turns; turn++) {
		history.push(user(`${turn} ${LONG}`));
		const reply = await rig.chat(id, say(...history));
		expect(reply.status, reply.text).toBe(200);
		history.push(answerOf(reply));
	}
	return history;
}

describe("replay payloads", () => {
	it("are read as they came, over many turns and after a restart, and take the room of the longest", async () => {
		await start({});
		const id = await rig.create();
		await talk(id, 8);
		const { records } = await read(id);
		const payloads = records.map(payloadOf);
		for (const record of records) expectEngineOwn(record);
		for (const [at, payload] of payloads.slice(1).entries()) {
			const before = payloads[at] as string;
			// All but the last group of base64, which its padding may change.
			expect(payload.startsWith(before.slice(0, -4))).toBe(true);
			expect(payload.length).toBeGreaterThan(before.length);
		}
		const sum = payloads.reduce((bytes, { length }) => bytes + length, 0);
		const bodies = (await rig.control.requests()).reduce((bytes, { body }) => bytes + body.length, 0);
		expect(sum).toBeGreaterThan(4 * (payloads.at(-1)?.length ?? 0));
		const empty = 64 * 64 * 1024;
		expect(await rig.store.sizeBytes()).toBeLessThan(empty + (payloads.at(-1)?.length ?? 0) * 2 + bodies * 4);
		await rig.restart();
		expect((await read(id)).records.map(payloadOf)).toEqual(payloads);
	});

	it.each([
		["on disk", () => dir.open()],
		["in memory", async () => createMemoryStore({ tombstones: 10 })],
	])("of one session are not written over by those of the next, %s", async (_medium, open) => {
		// Of more than a MiB: slabs of that size are used again.
		const sim = { r3Layers: 400 };
		await start({}, sim, open);
		const ids = [await rig.create(), await rig.create()];
		for (const id of ids) await talk(id, 2);
		for (const id of ids) {
			const { records } = await read(id);
			for (const record of records) expectEngineOwn(record, sim);
			expect(payloadOf(records[0] as RecordJson).length).toBeGreaterThan(1.5 * 1024 * 1024);
		}
	});

	it("are read as they came after a retry, which has a payload of its own", async () => {
		await start({});
		const id = await rig.create();
		const history = await talk(id, 3);
		const before = (await read(id)).records.map(payloadOf);
		const retried = [...history.slice(0, 4), user(`another ${LONG}`)];
		expect((await rig.chat(id, say(...retried))).status).toBe(200);
		const { records } = await read(id);
		expect(records.slice(0, 2).map(payloadOf)).toEqual(before.slice(0, 2));
		expect(payloadOf(records[2] as RecordJson)).not.toBe(before[2]);
		expectEngineOwn(records[2] as RecordJson);
	});

	it("are each branch's own in a tree", async () => {
		await start({ mode: "tree" });
		const id = await rig.create();
		const trunk = await talk(id, 2);
		const left = await talk(id, 2, [...trunk]);
		const atLeft = (await read(id)).records.map(payloadOf);
		const right = await rig.chat(id, say(...trunk, user(`right ${LONG}`)));
		expect(right.status).toBe(200);
		const atRight = (await read(id)).records;
		expect(atRight.slice(0, 2).map(payloadOf)).toEqual(atLeft.slice(0, 2));
		expectEngineOwn(atRight[2] as RecordJson);
		expect((await rig.chat(id, say(...left, user("on")))).status).toBe(200);
		expect((await read(id)).records.slice(0, 4).map(payloadOf)).toEqual(atLeft);
	});

	it("of earlier records are given up with keep latest; the sample is the same", async () => {
		await start({ mode: "linear", r3Keep: "latest" });
		const kept = await rig.create();
		await talk(kept, 4);
		const { records } = await read(kept);
		expect(records.map((record) => payloadOf(record).length > 0)).toEqual([false, false, true, true]);
		for (const record of records.slice(2)) expectEngineOwn(record);
		const sample = await rig.request("POST", `/sessions/${kept}/samples`, {});
		expect(sample.status).toBe(200);
		const payload = Buffer.from(payloadOf(records[3] as RecordJson), "base64");
		expect(sample.bytes.includes(payload)).toBe(true);
		await rig.restart();
		const again = await read(kept);
		expect(again.records.map(payloadOf)).toEqual(records.map(payloadOf));
		const cut = await rig.request("POST", `/sessions/${kept}/samples`, {
			max_seq_len: (records[0] as RecordJson).request.input_ids.length + 5,
		});
		expect(cut.status).toBe(422);
		expect(cut.text).toContain("--r3-keep");
	});

	it("of the turn before stay with keep latest, so that a retry that is aborted leaves a whole session", async () => {
		await start({ r3Keep: "latest" });
		const id = await rig.create();
		const history = await talk(id, 3);
		await rig.control.script({ finishReason: "abort" });
		const retried = [...history.slice(0, 4), user(`another ${LONG}`)];
		expect((await rig.chat(id, say(...retried))).status).toBe(200);
		const { records } = await read(id);
		expect(records.at(-1)?.provisional).toBe(true);
		for (const record of records.slice(1)) expectEngineOwn(record);
		expect((await rig.request("POST", `/sessions/${id}/samples`, {})).status).toBe(200);
	});

	it.each(["full", "incremental"] as const)(
		"too large to hold make the same tensor while they are sent (%s)",
		async (r3) => {
			await start({ r3 }, { r3BytesPerToken: 16 * 1024 });
			const id = await rig.create();
			await talk(id, 3);
			const { records } = await read(id);
			const whole = Buffer.concat(records.map((record) => Buffer.from(payloadOf(record), "base64")));
			const expected = r3 === "full" ? Buffer.from(payloadOf(records[2] as RecordJson), "base64") : whole;
			expect(expected.length).toBeGreaterThan(8 * 1024 * 1024);
			const sample = await rig.request("POST", `/sessions/${id}/samples`, {});
			expect(sample.status).toBe(200);
			expect(Number(sample.headers["content-length"])).toBe(sample.bytes.length);
			const tensor = decodeSafetensors(sample.bytes).get("rollout_routed_experts.0");
			const tokens = decodeSafetensors(sample.bytes).get("tokens.0");
			expect(tensor?.shape[0]).toBe((tokens?.shape[0] ?? 0) - 1);
			expect(expected.equals(tensor?.bytes ?? Buffer.alloc(0))).toBe(true);
			const cut = await rig.request("POST", `/sessions/${id}/samples`, {
				max_seq_len: (tokens?.shape[0] ?? 0) - 7,
			});
			const fewer = decodeSafetensors(cut.bytes).get("rollout_routed_experts.0")?.bytes ?? Buffer.alloc(0);
			expect(fewer.length).toBeGreaterThan(4 * 1024 * 1024);
			expect(expected.subarray(0, fewer.length).equals(fewer)).toBe(true);
		},
	);
});
