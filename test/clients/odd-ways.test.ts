// Odd but legal ways to send a history back, through a real cluster: each keeps every turn or is refused, and never loses one.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ServedCluster } from "../support/served-cluster.js";
import { afterAnswer, CHATS, type Message, START, scriptAnswers, TOOLS } from "./scripted-conversation.js";
import { WAYS, type Way } from "./ways.js";

interface Record {
	request: { input_ids: number[] };
	response: { choices: Array<{ meta_info: { output_token_logprobs: Array<[number, number]> } }> };
}
interface SessionJson {
	records: Record[];
	metadata: { tree?: { nodes: unknown[] } };
}
interface Refusal {
	status: number;
	code: string;
	message: string;
}
interface Told {
	answered: number;
	refusal: Refusal | null;
	prompts: number[][];
	/** Records whose prompt does not start with the tokens stored before it. */
	broken: number;
	/** All turns that are kept, on whatever branch. */
	turns: number;
}

describe.each(["linear", "tree"] as const)("in %s mode", (mode) => {
	let cluster: ServedCluster;
	let url: string;
	let faithful: Told;

	beforeAll(async () => {
		cluster = new ServedCluster(["--mode", mode]);
		url = (await cluster.ready()).url;
		faithful = await converse({ name: "as it came", end: "same" });
		expect([faithful.answered, faithful.prompts.length]).toEqual([CHATS, CHATS]);
	});

	afterAll(() => cluster.stop());

	async function read(id: string): Promise<SessionJson> {
		return (await (await fetch(`${url}/sessions/${id}`)).json()) as SessionJson;
	}

	/** The conversation as this client has it: until its end, or until it is refused. */
	async function converse(way: Way): Promise<Told> {
		const headers = { "content-type": "application/json" };
		const created = await fetch(`${url}/sessions`, { method: "POST", headers, body: "{}" });
		const { session_id: id } = (await created.json()) as { session_id: string };
		await scriptAnswers(cluster.sim, id);
		let history: Message[] = START;
		let refusal: Refusal | null = null;
		let answered = 0;
		for (; answered < CHATS; answered++) {
			const messages = way.messages?.(structuredClone(history)) ?? history;
			const body = { model: "default", messages, tools: TOOLS };
			const bytes = way.body?.(body) ?? JSON.stringify(body);
			const before = answered === 0 ? null : await read(id);
			const reply = await fetch(`${url}/sessions/${id}/v1/chat/completions`, {
				method: "POST",
				headers,
				body: bytes,
			});
			const text = await reply.text();
			if (reply.status !== 200) {
				const { code, message } = (JSON.parse(text) as { error: Refusal }).error;
				refusal = { status: reply.status, code, message };
				// A refusal changes nothing.
				if (before !== null) expect((await read(id)).records).toEqual(before.records);
				break;
			}
			const answer = (JSON.parse(text) as { choices: Array<{ message: Message }> }).choices[0]?.message;
			history = afterAnswer(history, answer as Message, answered);
		}
		await cluster.sim.clearScript();
		const { records, metadata } = await read(id);
		const prompts = records.map(({ request }) => request.input_ids);
		const broken = records.slice(1).filter((record, at) => {
			const last = records[at] as Record;
			const sampled =
				last.response.choices[0]?.meta_info.output_token_logprobs.map(([, token]) => token) ?? [];
			const stored = [...last.request.input_ids, ...sampled];
			return stored.some((token, place) => record.request.input_ids[place] !== token);
		}).length;
		return { answered, refusal, prompts, broken, turns: metadata.tree?.nodes.length ?? records.length };
	}

	test.each(WAYS)("$name", async (way) => {
		const told = await converse(way);
		// Whatever it is: every answered chat is a turn, and stored tokens stay.
		expect({ turns: told.turns, broken: told.broken }).toEqual({ turns: told.answered, broken: 0 });
		const { end } = way;
		if (typeof end === "object") {
			const code = typeof end.refused === "string" ? end.refused : end.refused[mode];
			expect(told.refusal).toMatchObject({ status: 400, code });
		} else if (end === "edit" && mode === "linear") {
			expect(told.refusal).toMatchObject({ status: 400, code: "history_mismatch" });
			// The message names where the histories part.
			expect(told.refusal?.message).toMatch(/messages\[\d+\]/);
		} else {
			expect([told.refusal, told.answered]).toEqual([null, CHATS]);
			if (end === "edit") expect(told.prompts.length).toBeLessThan(CHATS);
			else expect(told.prompts).toHaveLength(CHATS);
			if (end === "same") expect(told.prompts).toEqual(faithful.prompts);
		}
	});
});
