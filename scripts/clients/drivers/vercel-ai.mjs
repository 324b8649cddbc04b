// Vercel AI SDK: generateText and streamText with tools, over @ai-sdk/openai-compatible and @ai-sdk/openai's chat model.
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";
import { run } from "./driver.mjs";

const tools = {
	get_weather: tool({
		description: "The weather of a city",
		inputSchema: z.object({ city: z.string() }),
		execute: async ({ city }) => `sunny in ${city}`,
	}),
	add: tool({
		description: "Adds two numbers",
		inputSchema: z.object({ a: z.number(), b: z.number() }),
		execute: async () => "42",
	}),
};

const compatible = ({ baseURL }) =>
	createOpenAICompatible({ name: "rollpin", baseURL, apiKey: "none" })("default");
const chat = ({ baseURL }) => createOpenAI({ baseURL, apiKey: "none" }).chat("default");

async function generated(settings) {
	return (await generateText(settings)).response.messages;
}

async function streamed(settings) {
	let failure = null;
	const result = streamText({
		...settings,
		onError: ({ error }) => {
			failure ??= error;
		},
	});
	await result.consumeStream();
	if (failure !== null) throw failure;
	return (await result.response).messages;
}

async function converse(model, ask) {
	let messages = [{ role: "user", content: "Go" }];
	for (let turn = 0; turn < 4; turn++) {
		const settings = { model, messages, tools, system: "You are an agent.", stopWhen: stepCountIs(6) };
		messages = [...messages, ...(await ask(settings)), { role: "user", content: `more ${turn}` }];
	}
}

await run([
	["openai-compatible, generateText", (session) => converse(compatible(session), generated)],
	["openai-compatible, streamText", (session) => converse(compatible(session), streamed)],
	["openai .chat, generateText", (session) => converse(chat(session), generated)],
	["openai .chat, streamText", (session) => converse(chat(session), streamed)],
]);
