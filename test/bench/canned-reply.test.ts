// The canned engine's answers are whole replies of the simulated engine over another prompt.
import { expect, test } from "vitest";
import { startSimEngine } from "../../src/sim/server.js";
import { TOY_CHECKPOINT } from "../support/worker-rig.js";
import { fill, takeApart } from "./canned-reply.js";
import { PayloadText } from "./payload-text.js";

const ASKED = {
	model: "sim",
	messages: [{ role: "user", content: "Go on." }],
	logprobs: true,
	return_meta_info: true,
	return_prompt_token_ids: true,
	return_routed_experts: true,
};

async function simulatedReply(inputIds: number[]): Promise<string> {
	const engine = await startSimEngine({
		checkpointDir: TOY_CHECKPOINT,
		replyTokensMin: 5,
		replyTokensMax: 5,
	});
	try {
		const body = JSON.stringify({ ...ASKED, input_ids: inputIds });
		const headers = { "content-type": "application/json" };
		return await (await fetch(`${engine.url}/v1/chat/completions`, { method: "POST", headers, body })).text();
	} finally {
		await engine.close();
	}
}

test("a reply that was taken apart carries the prompt, the counts and the payload that it is filled with", async () => {
	const text = await simulatedReply([300, 301, 302]);
	const payload = new PayloadText(4).member(11);
	const bytes = Buffer.concat(
		fill(takeApart(text), {
			ids: [Buffer.from('"prompt_token_ids":[1,2,3,4,5,6,7],')],
			prompt: [Buffer.from("7")],
			total: [Buffer.from("12")],
			payload,
		}),
	);
	const original = JSON.parse(text);
	const [choice] = original.choices;
	const expected = {
		...original,
		choices: [
			{
				...choice,
				prompt_token_ids: [1, 2, 3, 4, 5, 6, 7],
				meta_info: {
					...choice.meta_info,
					prompt_tokens: 7,
					routed_experts: JSON.parse(`{${Buffer.concat(payload).toString().slice(0, -1)}}`).routed_experts,
				},
			},
		],
		usage: { ...original.usage, prompt_tokens: 7, total_tokens: 12 },
	};
	expect(JSON.parse(bytes.toString())).toEqual(expected);
});

test("a reply without one of the places is refused by its name", async () => {
	const text = (await simulatedReply([300])).replace('"prompt_token_ids":[300],', "");
	expect(() => takeApart(text)).toThrow("prompt_token_ids");
});

test("the payload of a longer history begins with the rows of a shorter one, of any length in bytes", () => {
	const payloads = new PayloadText(100);
	const rows = (count: number) => {
		const member = Buffer.concat(payloads.member(count)).toString();
		return Buffer.from(JSON.parse(`{${member.slice(0, -1)}}`).routed_experts, "base64");
	};
	for (const count of [1, 2, 3, 4, 100]) {
		const shorter = rows(count);
		expect(shorter.length).toBe(count * 100);
		expect(
			rows(count + 7)
				.subarray(0, shorter.length)
				.equals(shorter),
		).toBe(true);
	}
});
