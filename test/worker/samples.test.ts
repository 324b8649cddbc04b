// POST samples over a whole worker with the toy checkpoint: what a trainer gets, and what it never does to a session.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { ClusterConfig } from "../../src/config/cluster-config.js";
import { type CompiledFixture, compileFixture } from "../support/compiled-fixture.js";
import { type ReadSample, readSamples } from "../support/samples.js";
import { collect, message, read, say, talk, user } from "../support/talk.js";
import { type Reply, startRig, type WorkerRig } from "../support/worker-rig.js";

let thread: CompiledFixture;
beforeAll(() => {
	thread = compileFixture("samples-thread");
});
afterAll(() => thread.remove());

const start = (overrides: Partial<ClusterConfig> = {}): Promise<WorkerRig> =>
	startRig(overrides, undefined, undefined, undefined, thread.path);
const only = (reply: Reply): ReadSample => {
	const { samples } = readSamples(reply);
	expect(samples).toHaveLength(1);
	return samples[0] as ReadSample;
};

describe("samples of a linear session", () => {
	let rig: WorkerRig;
	beforeAll(async () => {
		rig = await start({ r3: "full" });
	});
	afterAll(() => rig.close());
	beforeEach(() => rig.control.reset());

	it("hold the tokens, logprobs and experts of the records", async () => {
		const { id } = await talk(rig, "one", "two", "three");
		const { records, metadata } = await read(rig, id);
		const sample = only(await collect(rig, id));
		expect(sample.tokens).toEqual(metadata.accumulated_token_ids);
		const base = records[0]?.request.input_ids.length ?? 0;
		expect(sample.response_length).toBe(sample.tokens.length - base);
		let mask = "";
		const logprobs: number[] = [];
		for (const record of records) {
			const injected = record.request.input_ids.length - base - mask.length;
			const entries = record.response.choices[0]?.meta_info.output_token_logprobs ?? [];
			mask += "0".repeat(injected) + "1".repeat(entries.length);
			logprobs.push(...Array<number>(injected).fill(0), ...entries.map(([logprob]) => logprob));
		}
		expect(sample.lossMask).toBe(mask);
		expect(sample.logprobs).toEqual(logprobs);
		const payload = records.at(-1)?.response.choices[0]?.meta_info.routed_experts as string;
		const values = new Int32Array(new Uint8Array(Buffer.from(payload, "base64")).buffer);
		expect(sample.routedExperts?.[0][0]).toBe(sample.tokens.length - 1);
		expect(sample.routedExperts?.[1]).toEqual([...values]);
		expect(sample.status).toBe("completed");
		expect(sample.metadata.lifecycle).toHaveLength(3);
		expect(sample).not.toHaveProperty("reward");
	});

	it("come with the session's metadata, equal to GET's", async () => {
		const { id } = await talk(rig, "one", "two");
		const reply = await collect(rig, id, { metadata: { ignored: true } });
		expect(readSamples(reply).sessionMetadata).toEqual((await read(rig, id)).metadata);
		expect(reply.headers["content-type"]).toBe("application/octet-stream");
		expect(reply.headers["content-length"]).toBe(String(reply.bytes.length));
	});

	it("change nothing, and are the same again", async () => {
		const { id } = await talk(rig, "one", "two");
		const before = (await rig.request("GET", `/sessions/${id}`)).text;
		const first = await collect(rig, id);
		expect((await collect(rig, id)).bytes.equals(first.bytes)).toBe(true);
		expect((await rig.request("GET", `/sessions/${id}`)).text).toBe(before);
		expect(await rig.control.requests()).toHaveLength(2);
	});

	it("say why there are none", async () => {
		const empty = readSamples(await collect(rig, await rig.create()));
		expect(empty).toMatchObject({ samples: [], emptyReason: "no_records" });
		const { id } = await talk(rig, "one");
		const cut = readSamples(await collect(rig, id, { max_seq_len: 1 }));
		expect(cut).toMatchObject({ samples: [], emptyReason: "all_truncated" });
	});

	it("are there while a chat is in flight, without its turn", async () => {
		const { id, history } = await talk(rig, "one");
		const before = (await collect(rig, id)).bytes;
		await rig.control.script({ gate: "held" });
		const running = rig.chat(id, say(...history, user("two")));
		await rig.control.arrivedAtGate("held");
		expect((await collect(rig, id)).bytes.equals(before)).toBe(true);
		await rig.control.release("held");
		expect((await running).status).toBe(200);
		expect((await collect(rig, id)).bytes.length).toBeGreaterThan(before.length);
	});

	it("end with the aborted turn that nothing has replaced, alone if it is the only one", async () => {
		const id = await rig.create();
		await rig.control.script({ finishReason: "abort" });
		await rig.chat(id, say(user("one")));
		const alone = readSamples(await collect(rig, id));
		expect(alone.samples[0]).toMatchObject({ status: "aborted", metadata: { lifecycle: { turn: 1 } } });
		expect(alone.sessionMetadata.accumulated_token_ids).toEqual([]);
		const done = await rig.chat(id, say(user("one")));
		expect(only(await collect(rig, id)).status).toBe("completed");
		await rig.control.script({ finishReason: "abort" });
		await rig.chat(id, say(user("one"), message(done), user("two")));
		const { samples, sessionMetadata } = readSamples(await collect(rig, id));
		const { records, metadata } = await read(rig, id);
		const last = records.at(-1);
		const sampled =
			last?.response.choices[0]?.meta_info.output_token_logprobs.map(([, token]) => token) ?? [];
		expect(samples[0]?.tokens).toEqual([...(last?.request.input_ids ?? []), ...sampled]);
		expect(samples[0]?.status).toBe("aborted");
		expect(sessionMetadata.accumulated_token_ids).toEqual(metadata.accumulated_token_ids);
	});

	it("are a 404 for an id that was never seen, or is gone", async () => {
		const never = `00${"f".repeat(30)}`;
		expect((await collect(rig, never)).json.error?.message).toBe(`session not found: session_id=${never}`);
		expect((await rig.request("GET", `/sessions/${never}`)).json.records).toEqual([]);
		const { id } = await talk(rig, "one");
		await rig.request("DELETE", `/sessions/${id}`);
		const gone = await collect(rig, id);
		expect([gone.status, gone.json.error?.code]).toEqual([404, "session_deleted"]);
	});

	it.each([
		["no JSON", "{"],
		["no object", "[]"],
		["a fraction as limit", '{"max_seq_len":1.5}'],
		["a negative limit", '{"max_seq_len":-1}'],
		["a text as limit", '{"max_seq_len":"9"}'],
		["a boolean as limit", '{"max_seq_len":true}'],
	])("are refused for a body with %s", async (_, body) => {
		const { id } = await talk(rig, "one");
		const reply = await rig.request("POST", `/sessions/${id}/samples`, body);
		expect([reply.status, reply.json.error?.type]).toEqual([400, "invalid_request_error"]);
	});

	it("take POST only", async () => {
		const reply = await rig.request("GET", `/sessions/${await rig.create()}/samples`);
		expect([reply.status, reply.headers.allow]).toEqual([405, "POST"]);
	});

	it("asked for by many at once are all whole", async () => {
		const { id } = await talk(rig, "one", "two");
		const replies = await Promise.all(Array.from({ length: 12 }, () => collect(rig, id)));
		expect(new Set(replies.map(({ bytes }) => bytes.toString("latin1"))).size).toBe(1);
	});
});

describe("payloads that are no replay rows", () => {
	let rig: WorkerRig;
	beforeAll(async () => {
		rig = await start();
	});
	afterAll(() => rig.close());

	it.each([
		["of the wrong size", "AAAAAA==", /routed_experts of turn 1 has 4 bytes, which is no multiple/],
		["that is a list", [1, 2], /not a base64 string/],
	])("are a 422 in plain text: %s; the session goes on", async (_, routed_experts, reason) => {
		await rig.control.script({ metaInfo: { routed_experts } });
		const { id, history } = await talk(rig, "one");
		const reply = await collect(rig, id);
		expect([reply.status, reply.headers["content-type"]]).toEqual([422, "text/plain; charset=utf-8"]);
		expect(reply.text).toMatch(reason);
		expect((await rig.chat(id, say(...history, user("two")))).status).toBe(200);
	});
});

describe("incremental routed experts", () => {
	it("cover every row once, over turns, a retry and an abort", async () => {
		const rig = await start({ r3: "incremental" });
		try {
			const { id, history } = await talk(rig, "one", "two");
			await rig.chat(id, say(...history.slice(0, 2), user("two again")));
			const sent = (await rig.control.requests()).map(
				({ body }) => JSON.parse(body.toString()) as { routed_experts_start_len: number },
			);
			const starts = sent.map((body) => body.routed_experts_start_len);
			expect(starts[0]).toBe(0);
			expect(starts[2]).toBe(starts[1]);
			const sample = only(await collect(rig, id));
			expect(sample.routedExperts?.[0][0]).toBe(sample.tokens.length - 1);
			await rig.control.script({ finishReason: "abort" });
			const after = (await read(rig, id)).records.at(-1)?.response.choices[0]?.message as object;
			await rig.chat(id, say(...history.slice(0, 2), user("two again"), after, user("three")));
			const aborted = only(await collect(rig, id));
			expect(aborted.status).toBe("aborted");
			expect(aborted.routedExperts?.[0][0]).toBe(aborted.tokens.length - 1);
		} finally {
			await rig.close();
		}
	});
});

describe("modes that tell the same story", () => {
	/** Two turns, the second tried twice, always with the same texts. */
	async function story(overrides: Partial<ClusterConfig>): Promise<ReadSample> {
		const rig = await start(overrides);
		try {
			await rig.control.script(
				{ text: "first answer" },
				{ text: "to be replaced" },
				{ text: "second answer, longer" },
			);
			const { id, history } = await talk(rig, "one", "two");
			expect((await rig.chat(id, say(...history.slice(0, 3)))).status).toBe(200);
			return only(await collect(rig, id));
		} finally {
			await rig.close();
		}
	}
	const tensors = ({ tokens, lossMask, logprobs, routedExperts, response, status }: ReadSample) => {
		expect(routedExperts?.[1].length).toBeGreaterThan(0);
		return { tokens, lossMask, logprobs, routedExperts, response, status };
	};

	it("give the same tensors: full and incremental experts, a line and a tree", async () => {
		const full = tensors(await story({ r3: "full" }));
		expect(full.response).toMatch(/^first answer.*second answer, longer/s);
		expect(tensors(await story({ r3: "incremental" }))).toEqual(full);
		expect(tensors(await story({ r3: "full", mode: "tree" }))).toEqual(full);
		expect(tensors(await story({ r3: "incremental", mode: "tree" }))).toEqual(full);
	});
});

describe("samples of a tree", () => {
	let rig: WorkerRig;
	beforeAll(async () => {
		rig = await start({ mode: "tree" });
	});
	afterAll(() => rig.close());
	beforeEach(() => rig.control.reset());

	it("are one for each leaf that was not tried again; a shared turn trains once", async () => {
		const { id, history } = await talk(rig, "one", "left");
		const shared = history.slice(0, 2);
		const right = await rig.chat(id, say(...shared, user("right")));
		await rig.chat(id, say(...shared, user("right"), message(right), user("deeper")));
		await rig.chat(id, say(user("another opening")));
		await rig.chat(id, say(...shared, user("left")));
		const reply = await collect(rig, id, { metadata: { reward: 0, note: "n" } });
		const { samples, sessionMetadata } = readSamples(reply);
		const places = samples.map(
			({ metadata }) => (metadata.leaf as { path_node_ids: number[] }).path_node_ids,
		);
		expect(places).toEqual([[0, 2, 3], [0, 5], [4]]);
		const firstTurn = (await read(rig, id)).metadata.tree?.nodes[0]?.completion_span as [number, number];
		const length = firstTurn[1] - firstTurn[0];
		expect(samples.map(({ lossMask }) => lossMask.slice(0, length))).toEqual([
			"1".repeat(length),
			"0".repeat(length),
			samples[2]?.lossMask.slice(0, length),
		]);
		expect(samples.map(({ reward }) => reward)).toEqual([0, 0, 0]);
		expect(samples.every(({ metadata }) => metadata.note === "n")).toBe(true);
		expect(sessionMetadata).toMatchObject({ agent: { reward: 0, note: "n" } });
		expect(sessionMetadata.tree).toEqual((await read(rig, id)).metadata.tree);
	});

	it("end with an aborted turn, which pushes no other leaf out", async () => {
		const { id, history } = await talk(rig, "one", "two");
		await rig.control.script({ finishReason: "abort" });
		await rig.chat(id, say(...history.slice(0, 2), user("two")));
		const { samples, sessionMetadata } = readSamples(await collect(rig, id));
		expect(samples.map(({ status, metadata }) => [status, metadata.leaf])).toMatchObject([
			["aborted", { node_id: 2, parent: 0, path_node_ids: [0, 2], provisional: true }],
			["completed", { node_id: 1, parent: 0, path_node_ids: [0, 1] }],
		]);
		expect((sessionMetadata.tree as { nodes: unknown[] }).nodes).toHaveLength(2);
	});

	it("are a 422 for agent metadata that is no object", async () => {
		const { id } = await talk(rig, "one");
		const reply = await collect(rig, id, { metadata: [1] });
		expect([reply.status, reply.text]).toEqual([
			422,
			expect.stringMatching(/drop_retries.*must be an object/),
		]);
	});
});

describe("hooks of a trainer", () => {
	let dir: string;
	beforeAll(() => {
		dir = mkdtempSync(join(tmpdir(), "rollpin-hooks-"));
	});
	afterAll(() => rmSync(dir, { recursive: true }));
	const hook = (name: string, source: string): string => {
		writeFileSync(join(dir, name), source);
		return join(dir, name);
	};

	it("finish the samples; one that takes its thread down fails its request only", async () => {
		const samplePostprocessor = hook(
			"finish.mjs",
			`export default (samples, agent) => {
				if (agent?.die) process.exit(3);
				if (agent?.fail) throw new Error("as asked");
				for (const sample of samples) sample.reward = sample.tokens.length;
				return samples;
			};`,
		);
		const rig = await start({ mode: "tree", samplePostprocessor });
		try {
			const { id } = await talk(rig, "one");
			const sample = only(await collect(rig, id));
			expect(sample.reward).toBe(sample.tokens.length);
			const failed = await collect(rig, id, { metadata: { fail: true } });
			expect(failed.status).toBe(422);
			expect(failed.text).toContain(samplePostprocessor);
			expect(failed.text).toMatch(/drop_retries.*as asked/);
			const died = await collect(rig, id, { metadata: { die: true } });
			expect([died.status, died.json.error?.code]).toEqual([500, "internal"]);
			expect(only(await collect(rig, id)).reward).toBe(sample.tokens.length);
		} finally {
			await rig.close();
		}
	});

	it("that cannot be loaded stop the worker's start with the reason", async () => {
		const samplePicker = hook("broken.mjs", "export const nothing = 1;");
		await expect(start({ mode: "tree", samplePicker })).rejects.toThrow(
			/--sample-picker .*broken\.mjs has no default export that is a function/,
		);
	});
});
