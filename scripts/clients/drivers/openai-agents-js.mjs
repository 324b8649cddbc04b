// @openai/agents: OpenAIChatCompletionsModel under the SDK's own run(), plain and streamed.
import { Agent, OpenAIChatCompletionsModel, run as runAgent, setTracingDisabled, tool } from "@openai/agents";
import OpenAI from "openai";
import { z } from "zod";
import { run } from "./driver.mjs";

setTracingDisabled(true);

const tools = [
	tool({
		name: "get_weather",
		description: "The weather of a city",
		parameters: z.object({ city: z.string() }),
		execute: async ({ city }) => `sunny in ${city}`,
	}),
	tool({
		name: "add",
		description: "Adds two numbers",
		parameters: z.object({ a: z.number(), b: z.number() }),
		execute: async () => "42",
	}),
];

async function rounds({ baseURL }, stream) {
	const model = new OpenAIChatCompletionsModel(new OpenAI({ baseURL, apiKey: "none" }), "default");
	const agent = new Agent({ name: "agent", instructions: "You are an agent.", model, tools });
	let input = [{ role: "user", content: "Go" }];
	for (let turn = 0; turn < 4; turn++) {
		const result = await runAgent(agent, input, { stream });
		if (stream) await result.completed;
		input = [...result.history, { role: "user", content: `more ${turn}` }];
	}
}

await run([
	["run()", (session) => rounds(session, false)],
	["run({ stream: true })", (session) => rounds(session, true)],
]);
