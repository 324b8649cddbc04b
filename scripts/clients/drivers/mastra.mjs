// @mastra/core: Agent.generate over an OpenAI-compatible model of the AI SDK, its messages handed on by hand.
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { Agent } from "@mastra/core/agent";
import { createTool } from "@mastra/core/tools";
import { z } from "zod";
import { run } from "./driver.mjs";

const get_weather = createTool({
	id: "get_weather",
	description: "The weather of a city",
	inputSchema: z.object({ city: z.string() }),
	execute: async () => "sunny",
});

async function generate({ baseURL }) {
	const model = createOpenAICompatible({ name: "rollpin", baseURL, apiKey: "none" })("default");
	const agent = new Agent({
		id: "agent",
		name: "agent",
		instructions: "You are an agent.",
		model,
		tools: { get_weather },
	});
	let messages = [{ role: "user", content: "Go" }];
	for (let turn = 0; turn < 4; turn++) {
		const result = await agent.generate(messages);
		messages = [...messages, ...result.response.messages, { role: "user", content: `more ${turn}` }];
	}
}

await run([["Agent.generate", generate]]);
