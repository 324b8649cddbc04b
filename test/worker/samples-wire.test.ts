// The version of the samples' wire: the request's, else the cluster's; the newer one has sampling masks, or names them as absent.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { decodeSafetensors } from "../../src/samples/safetensors.js";
import { type CompiledFixture, compileFixture } from "../support/compiled-fixture.js";
import { readSamples } from "../support/samples.js";
import { startRig, type WorkerRig } from "../support/worker-rig.js";

const MASK = ["rollout_sampling_mask_ids", "rollout_sampling_mask_offsets"];
const CHAT = { model: "m", max_tokens: 3, messages: [{ role: "user", content: "hello" }] };

let thread: CompiledFixture;
let rig: WorkerRig;
let older: WorkerRig;
beforeAll(async () => {
	thread = compileFixture("samples-thread");
	rig = await startRig({}, undefined, undefined, undefined, thread.path);
	older = await startRig({ samplesWire: "2026-08" }, undefined, undefined, undefined, thread.path);
});
afterAll(async () => {
	await rig.close();
	await older.close();
	await thread.remove();
});

/** A session of one turn, whose reply has a mask of every sampled id and two more. */
async function masked(on: WorkerRig): Promise<{ id: string; ids: number[] }> {
	const probe = await on.create();
	const reply = (await on.chat(probe, CHAT)).json;
	const ids = (reply.choices[0]?.meta_info?.output_token_logprobs ?? []).map(([, id]) => id);
	expect(ids).toHaveLength(3);
	const id = await on.create();
	const body = JSON.parse(JSON.stringify(reply));
	body.choices[0].meta_info.output_token_sampling_mask = ids.map((one) => [one, 1, 2]);
	await on.control.script({ body: JSON.stringify(body) });
	expect((await on.chat(id, CHAT)).status).toBe(200);
	return { id, ids };
}

describe("samples_wire", () => {
	it("2026-09 has the mask as two tensors", async () => {
		const { id, ids } = await masked(rig);
		const reply = await rig.request("POST", `/sessions/${id}/samples`, { samples_wire: "2026-09" });
		const [sample] = readSamples(reply).samples;
		expect(sample?.samplingMask).toEqual({ ids: ids.flatMap((one) => [one, 1, 2]), offsets: [0, 3, 6, 9] });
		expect(sample?.nulls).toEqual(["rollout_routed_experts", "rollout_indexer_topk"]);
	});

	it("2026-09 names the tensors of a session without masks as absent", async () => {
		const id = await rig.create();
		await rig.chat(id, CHAT);
		const reply = await rig.request("POST", `/sessions/${id}/samples`, {});
		expect(readSamples(reply).samples[0]?.nulls).toEqual(expect.arrayContaining(MASK));
	});

	it("2026-08 has neither the tensors nor their names, whatever was recorded", async () => {
		const { id } = await masked(rig);
		const reply = await rig.request("POST", `/sessions/${id}/samples`, { samples_wire: "2026-08" });
		expect([...decodeSafetensors(reply.bytes).keys()].filter((name) => name.includes("mask_"))).toEqual([]);
		expect(readSamples(reply).samples[0]?.nulls).toEqual(["rollout_routed_experts", "rollout_indexer_topk"]);
	});

	it("is --samples-wire where the request names none, and where it has no body", async () => {
		const { id } = await masked(older);
		for (const body of [undefined, {}, { samples_wire: null }]) {
			const reply = await older.request("POST", `/sessions/${id}/samples`, body);
			expect(readSamples(reply).samples[0]?.samplingMask).toBeNull();
		}
		const asked = await older.request("POST", `/sessions/${id}/samples`, { samples_wire: "2026-09" });
		expect(readSamples(asked).samples[0]?.samplingMask).not.toBeNull();
	});

	it.each(["2026-10", "2026-9", 202609, true, {}])("%j is a 400 that names the versions", async (wire) => {
		const id = await rig.create();
		const reply = await rig.request("POST", `/sessions/${id}/samples`, { samples_wire: wire });
		expect(reply.status).toBe(400);
		expect(reply.text).toContain("samples_wire must be one of 2026-08, 2026-09");
	});
});
