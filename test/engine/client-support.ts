// What the client tests share: a good reply, a request, and a client that is closed after its test.
import { onTestFinished } from "vitest";
import { EngineClient, type EngineClientOptions } from "../../src/engine/http/client.js";
import { sglang } from "../../src/engine/sglang/sglang.js";
import { type RawEngine, type RawRequest, startRawEngine } from "../support/raw-engine.js";

export const GOOD_REPLY = JSON.stringify({
	id: "r-1",
	choices: [
		{
			index: 0,
			message: { role: "assistant", content: "hi" },
			finish_reason: "stop",
			meta_info: {
				output_token_logprobs: [[-0.5, 7, null]],
				prompt_tokens: 2,
				completion_tokens: 1,
				routed_experts: "QUJD",
			},
		},
	],
});

type ChatRequest = Parameters<EngineClient["chat"]>[0];

export function chatRequest(overrides: Partial<ChatRequest> = {}): ChatRequest {
	const body = Buffer.from('{"messages":[],"input_ids":[1,2]}');
	return {
		chunks: [body.subarray(0, 10), body.subarray(10)],
		byteLength: body.length,
		attemptId: "rid-1",
		headers: ["content-type", "application/json", "x-custom", "1"],
		query: "",
		inputIdsText: [Buffer.from("1,2")],
		inputIdsCount: 2,
		vocabSize: 100,
		signal: new AbortController().signal,
		...overrides,
	};
}

export function clientOf(baseUrl: string, options: Partial<EngineClientOptions> = {}): EngineClient {
	const client = new EngineClient({ baseUrl, dialect: sglang, timeoutMs: 10_000, ...options });
	onTestFinished(() => client.close());
	return client;
}

export async function rawEngine(answer: (request: RawRequest) => void): Promise<RawEngine> {
	const engine = await startRawEngine(answer);
	onTestFinished(() => engine.close());
	return engine;
}
