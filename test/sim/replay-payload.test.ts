// The R3 and indexer payloads of the simulated engine.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PayloadMaker } from "../../src/sim/engine/replay-payload.js";
import { type SimEngine, startSimEngine } from "../../src/sim/server.js";
import { chat, choiceOf, idsOf, postJson, TOY_CHECKPOINT } from "./client.js";

const LAYERS = 3;
const TOP_K = 2;
const ROW = LAYERS * TOP_K * 4;

let engine: SimEngine;
beforeAll(async () => {
	engine = await startSimEngine({
		checkpointDir: TOY_CHECKPOINT,
		r3Layers: LAYERS,
		r3TopK: TOP_K,
		r3Experts: 64,
		indexerLayers: 2,
		indexerTopK: 4,
	});
});
afterAll(() => engine.close());

async function rowsOf(
	body: Record<string, unknown>,
): Promise<{ rows: Buffer; ids: number[]; total: number }> {
	const reply = await chat(engine, { ...body, return_routed_experts: true });
	const choice = choiceOf(reply);
	const rows = Buffer.from(choice.meta_info.routed_experts ?? "", "base64");
	return {
		rows,
		ids: idsOf(reply),
		total: choice.meta_info.prompt_tokens + choice.meta_info.completion_tokens,
	};
}

describe("routed_experts", () => {
	it("has one row a token but the last, of int32 below the number of experts", async () => {
		const { rows, total } = await rowsOf({ input_ids: [1, 2, 3, 4] });
		expect(rows.length).toBe((total - 1) * ROW);
		for (let at = 0; at < rows.length; at += 4) {
			const expert = rows.readInt32LE(at);
			expect(expert).toBeGreaterThanOrEqual(0);
			expect(expert).toBeLessThan(64);
		}
	});

	it("is cumulative: the next turn's rows begin with this turn's", async () => {
		const first = await rowsOf({ input_ids: [1, 2, 3, 4] });
		const prompt = [1, 2, 3, 4, ...first.ids, 20, 21];
		const second = await rowsOf({ input_ids: prompt });
		expect(second.rows.subarray(0, first.rows.length).equals(first.rows)).toBe(true);
	});

	it("differs from the first different id on", async () => {
		const one = await rowsOf({ input_ids: [1, 2, 3, 4, 5] });
		const other = await rowsOf({ input_ids: [1, 2, 9, 4, 5] });
		const row = (rows: Buffer, at: number): Buffer => rows.subarray(at * ROW, (at + 1) * ROW);
		for (const at of [0, 1]) expect(row(one.rows, at).equals(row(other.rows, at))).toBe(true);
		for (const at of [2, 3, 4]) expect(row(one.rows, at).equals(row(other.rows, at))).toBe(false);
	});

	it("starts at routed_experts_start_len", async () => {
		const whole = await rowsOf({ input_ids: [1, 2, 3, 4] });
		for (const start of [0, 1, 3, 5]) {
			const part = await rowsOf({ input_ids: [1, 2, 3, 4], routed_experts_start_len: start });
			expect(part.rows.equals(whole.rows.subarray(start * ROW))).toBe(true);
		}
		const beyond = await rowsOf({ input_ids: [1, 2, 3, 4], routed_experts_start_len: 100_000 });
		expect(beyond.rows.length).toBe(0);
	});

	it("is absent unless asked for, and a bad start is a 400", async () => {
		const reply = await chat(engine, { input_ids: [1, 2] });
		expect(choiceOf(reply).meta_info).not.toHaveProperty("routed_experts");
		const bad = await postJson(`${engine.url}/v1/chat/completions`, {
			input_ids: [1],
			routed_experts_start_len: -1,
		});
		expect(bad.status).toBe(400);
	});

	it("has the size that r3BytesPerToken names", async () => {
		const sized = await startSimEngine({ checkpointDir: TOY_CHECKPOINT, r3BytesPerToken: 100 });
		const reply = await chat(sized, { input_ids: [1, 2], return_routed_experts: true });
		const choice = choiceOf(reply);
		const bytes = Buffer.from(choice.meta_info.routed_experts ?? "", "base64").length;
		expect(bytes).toBe((choice.meta_info.completion_tokens + 1) * 100);
		await sized.close();
	});
});

describe("indexer_topk", () => {
	it("comes with its number of layers", async () => {
		const reply = await chat(engine, { input_ids: [1, 2], return_indexer_topk: true });
		const { meta_info } = choiceOf(reply);
		expect(meta_info.indexer_topk_num_layers).toBe(2);
		expect(Buffer.from(meta_info.indexer_topk ?? "", "base64").length).toBe(
			(meta_info.completion_tokens + 1) * 2 * 4 * 4,
		);
	});
});

describe("large payloads", () => {
	it("come in pieces that join to one base64 text of the promised length", () => {
		const maker = new PayloadMaker(1, { layers: 7, topK: 5, bound: 256 });
		const ids = Int32Array.from({ length: 20_001 }, (_, at) => at % 777);
		const payload = maker.make(ids, 0);
		const text = Buffer.concat([...payload.chunks()]);
		expect(text.length).toBe(payload.byteLength);
		const rows = Buffer.from(text.toString("latin1"), "base64");
		expect(rows.length).toBe(20_000 * 7 * 5 * 4);
		const tail = Buffer.concat([...maker.make(ids, 19_000).chunks()]);
		expect(Buffer.from(tail.toString("latin1"), "base64").equals(rows.subarray(19_000 * 140))).toBe(true);
	});
});
