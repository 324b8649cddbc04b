import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { decodeSafetensors } from "../../src/samples/safetensors.js";
import { type CompiledFixture, compileFixture } from "../support/compiled-fixture.js";
import { startRig, type WorkerRig } from "../support/worker-rig.js";
import { recordedSessions, recordingsDir } from "../tito/shared.js";

interface GoldenSession {
	mode: "linear" | "tree";
	server: { use_rollout_routing_replay?: boolean; pause_generation_mode?: string };
	turns: Array<{
		request: object;
		engine_reply: object;
		input_ids: number[];
		routed_experts_start_len: number | null;
	}>;
	get_metadata: object;
	records: number;
}

interface GoldenSamples {
	body: object;
	status: number;
	meta: object;
	tensors: Record<string, { dtype: string; shape: number[] }>;
}

let thread: CompiledFixture;
beforeAll(() => {
	thread = compileFixture("samples-thread");
});
afterAll(() => thread.remove());

const json = <T>(...path: string[]) => JSON.parse(readFileSync(join(recordingsDir, ...path), "utf8")) as T;

describe("recorded sessions", () => {
	it.each(recordedSessions())("%s gives the recorded samples, bit for bit", async (name) => {
		const session = json<GoldenSession>(name, "session.json");
		const rig = await rigFor(session);
		try {
			const id = await replay(rig, session);
			const read = (await rig.request("GET", `/sessions/${id}`)).json;
			expect(timeless(read.metadata)).toEqual(timeless(session.get_metadata));
			expect(read.records).toHaveLength(session.records);
			const files = readdirSync(join(recordingsDir, name)).filter((file) => /^samples-\d+\.json$/.test(file));
			expect(files.length).toBeGreaterThan(0);
			for (const file of files) {
				const golden = json<GoldenSamples>(name, file);
				const reply = await rig.request("POST", `/sessions/${id}/samples`, golden.body);
				expect(reply.status, `${file}: ${reply.text.slice(0, 300)}`).toBe(golden.status);
				expect(reply.headers["content-type"]).toBe("application/octet-stream");
				const recorded = readFileSync(join(recordingsDir, name, file.replace(/json$/, "safetensors")));
				compare(reply.bytes, recorded);
				const newer = { ...golden.body, samples_wire: "2026-09" };
				compare((await rig.request("POST", `/sessions/${id}/samples`, newer)).bytes, recorded, [
					"rollout_sampling_mask_ids",
					"rollout_sampling_mask_offsets",
				]);
			}
		} finally {
			await rig.close();
		}
	});
});

function rigFor({ mode, server }: GoldenSession): Promise<WorkerRig> {
	const replayed = server.use_rollout_routing_replay === true;
	const r3 = !replayed ? "off" : server.pause_generation_mode === "in_place" ? "incremental" : "full";
	// Recorded in August 2026; what the wire got since has tests of its own.
	const samplesWire = "2026-08";
	const overrides = { mode, r3, samplesWire, checkpointDir: join(recordingsDir, "checkpoint") } as const;
	return startRig(overrides, undefined, undefined, undefined, thread.path);
}

/** Drives the worker with the recorded requests; the engine answers what it answered then. */
async function replay(rig: WorkerRig, session: GoldenSession): Promise<string> {
	const id = await rig.create();
	for (const turn of session.turns) {
		await rig.control.script({ body: JSON.stringify(turn.engine_reply).replace(/\[0,/g, "[-0.0,") });
		const answer = await rig.chat(id, turn.request);
		expect(answer.status, answer.text).toBe(200);
		const sent = JSON.parse((await rig.control.requests()).at(-1)?.body.toString() ?? "{}") as {
			input_ids: number[];
			routed_experts_start_len?: number;
		};
		expect(sent.input_ids).toEqual(turn.input_ids);
		expect(sent.routed_experts_start_len ?? null).toBe(turn.routed_experts_start_len);
	}
	return id;
}

/** @param nulls that every sample names beside the recorded ones */
function compare(actual: Buffer, expected: Buffer, nulls: string[] = []): void {
	const ours = decodeSafetensors(actual);
	const theirs = decodeSafetensors(expected);
	expect([...ours.keys()].sort()).toEqual([...theirs.keys()].sort());
	for (const [name, tensor] of theirs) {
		const own = ours.get(name);
		if (name === "_samples_meta") {
			const wanted = timeless(metaOf(tensor.bytes)) as { samples: Array<{ nulls: string[] }> };
			for (const sample of wanted.samples) sample.nulls.push(...nulls);
			expect(timeless(metaOf(own?.bytes))).toEqual(wanted);
			continue;
		}
		expect({ dtype: own?.dtype, shape: own?.shape }, name).toEqual({
			dtype: tensor.dtype,
			shape: tensor.shape,
		});
		expect(Buffer.compare(own?.bytes ?? Buffer.alloc(0), tensor.bytes), `bytes of ${name}`).toBe(0);
	}
}

function metaOf(bytes: Uint8Array | undefined): unknown {
	return JSON.parse(Buffer.from(bytes ?? []).toString("utf8"));
}

/** The same value with every wall-clock time that is one replaced by 0, and without `history`, which the recorded server has not. */
function timeless(value: unknown): unknown {
	if (Array.isArray(value)) return value.map(timeless);
	if (typeof value !== "object" || value === null) return value;
	const times = new Set(["t1", "req_ts", "prev_t1", "committed_at"]);
	return Object.fromEntries(
		Object.entries(value)
			.filter(([key]) => key !== "history")
			.map(([key, item]) => [key, times.has(key) && typeof item === "number" ? 0 : timeless(item)]),
	);
}
