// @langchain/openai: ChatOpenAI invoke and stream with bound tools, and langgraph's prebuilt ReAct agent.
import { HumanMessage, SystemMessage, ToolMessage } from "@langchain/core/messages";
import { tool } from "@langchain/core/tools";
import { createReactAgent } from "@langchain/langgraph/prebuilt";
import { ChatOpenAI } from "@langchain/openai";
import { z } from "zod";
import { run } from "./driver.mjs";

const tools = [
	tool(async ({ city }) => `sunny in ${city}`, {
		name: "get_weather",
		description: "The weather of a city",
		schema: z.object({ city: z.string() }),
	}),
	tool(async () => "42", {
		name: "add",
		description: "Adds two numbers",
		schema: z.object({ a: z.number(), b: z.number() }),
	}),
];

const modelOf = ({ baseURL }) =>
	new ChatOpenAI({ model: "default", apiKey: "none", configuration: { baseURL } });

async function converse(session, ask) {
	const model = modelOf(session).bindTools(tools);
	const messages = [new SystemMessage("You are an agent."), new HumanMessage("Go")];
	for (let turn = 0; turn < 8; turn++) {
		const message = await ask(model, messages);
		messages.push(message);
		for (const { id } of message.tool_calls)
			messages.push(new ToolMessage({ content: "ok", tool_call_id: id }));
		if (message.tool_calls.length === 0) messages.push(new HumanMessage(`more ${turn}`));
	}
}

async function streamed(model, messages) {
	let whole;
	for await (const chunk of await model.stream(messages))
		whole = whole === undefined ? chunk : whole.concat(chunk);
	return whole;
}

async function graph(session) {
	const agent = createReactAgent({ llm: modelOf(session), tools });
	let messages = [new HumanMessage("Go")];
	for (let turn = 0; turn < 4; turn++) {
		const state = await agent.invoke({ messages });
		messages = [...state.messages, new HumanMessage(`more ${turn}`)];
	}
}

await run([
	["ChatOpenAI.invoke", (session) => converse(session, (model, messages) => model.invoke(messages))],
	["ChatOpenAI.stream, chunks joined", (session) => converse(session, streamed)],
	["langgraph createReactAgent", graph],
]);
