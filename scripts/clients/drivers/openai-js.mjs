// openai (npm): create(), the stream helper and runTools, on the package's own message objects.
import OpenAI from "openai";
import { run, SCHEMAS, TOOLS } from "./driver.mjs";

const clientOf = (session) => new OpenAI({ baseURL: session.baseURL, apiKey: "none" });

async function converse(ask) {
	const messages = [{ role: "user", content: "Go" }];
	for (let turn = 0; turn < 6; turn++) {
		const message = await ask(messages);
		messages.push(message);
		for (const { id } of message.tool_calls ?? []) {
			messages.push({ role: "tool", tool_call_id: id, content: "ok" });
		}
		if (!message.tool_calls?.length) messages.push({ role: "user", content: `more ${turn}` });
	}
}

const runnable = Object.entries(SCHEMAS).map(([name, parameters]) => ({
	type: "function",
	function: { name, description: `Tool ${name}`, parameters, parse: JSON.parse, function: async () => "ok" },
}));

async function runTools(session, stream) {
	let messages = [{ role: "user", content: "Go" }];
	for (let turn = 0; turn < 4; turn++) {
		const runner = clientOf(session).chat.completions.runTools({
			model: "default",
			messages,
			stream,
			tools: runnable,
		});
		await runner.finalChatCompletion();
		messages = [...runner.messages, { role: "user", content: `more ${turn}` }];
	}
}

await run([
	[
		"create(), message object",
		(session) =>
			converse(async (messages) => {
				const body = { model: "default", messages, tools: TOOLS };
				return (await clientOf(session).chat.completions.create(body)).choices[0].message;
			}),
	],
	[
		".stream().finalChatCompletion()",
		(session) =>
			converse(async (messages) => {
				const body = { model: "default", messages, tools: TOOLS };
				return (await clientOf(session).chat.completions.stream(body).finalChatCompletion()).choices[0]
					.message;
			}),
	],
	["runTools()", (session) => runTools(session, false)],
	["runTools({ stream: true })", (session) => runTools(session, true)],
]);
