// Recorded sessions of the reference server, played again: the same prompts to the engine, the same facts in GET.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { startRig } from "../support/worker-rig.js";
import { recordedSessions, recordingsDir } from "../tito/shared.js";

interface GoldenSession {
	mode: "linear" | "tree";
	server: Record<string, unknown>;
	turns: Array<{ request: object; engine_reply: object; input_ids: number[] }>;
	get_metadata: {
		accumulated_token_ids: number[];
		max_trim_tokens: number;
		tree?: { nodes: Array<Record<string, unknown>>; leaves: unknown[] };
	};
	records: number;
}

const cases = recordedSessions()
	.map((name) => ({
		name,
		golden: JSON.parse(readFileSync(join(recordingsDir, name, "session.json"), "utf8")) as GoldenSession,
	}))
	// The replay payloads' server settings are another room's business.
	.filter(({ golden }) => Object.keys(golden.server).length === 0);

describe("a recorded session of the reference server", () => {
	it.each(cases)("$name sends the same prompts and reads the same", async ({ golden }) => {
		const rig = await startRig({ mode: golden.mode, checkpointDir: join(recordingsDir, "checkpoint") });
		try {
			const id = await rig.create();
			for (const turn of golden.turns) {
				await rig.control.script({ body: JSON.stringify(turn.engine_reply) });
				const answer = await rig.chat(id, turn.request);
				expect([answer.status, answer.text]).toEqual([200, expect.any(String)]);
				const sent = (await rig.control.requests()).at(-1)?.body.toString() ?? "";
				expect((JSON.parse(sent) as { input_ids: number[] }).input_ids).toEqual(turn.input_ids);
			}
			const { metadata, records } = (await rig.request("GET", `/sessions/${id}`)).json;
			expect(records).toHaveLength(golden.records);
			expect(metadata.accumulated_token_ids).toEqual(golden.get_metadata.accumulated_token_ids);
			expect(metadata.max_trim_tokens).toBe(golden.get_metadata.max_trim_tokens);
			const tree = golden.get_metadata.tree;
			expect(metadata.tree?.leaves).toEqual(tree?.leaves);
			expect(metadata.tree?.nodes).toEqual(
				tree?.nodes.map((node) => ({ ...node, committed_at: expect.any(Number) })),
			);
		} finally {
			await rig.close();
		}
	});
});
