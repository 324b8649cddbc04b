// What every Node driver shares: a session and a line of JSON a loop, as driver.py has it, and the tools.
// Drivers are copied into the client's environment before they run, so that their imports find it.
const { ROLLPIN_URL, ROLLPIN_CONTROL, ROLLPIN_REASONING } = process.env;

async function post(url, body) {
	const headers = { "content-type": "application/json" };
	const reply = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
	if (!reply.ok) throw new Error(`${url}: ${reply.status} ${await reply.text()}`);
	return await reply.json();
}

/** The engine's next answers in a session: text, or [content, tool name, arguments]. */
export async function script({ id }, ...answers) {
	for (const [at, answer] of answers.entries()) {
		const [content, name, args] = Array.isArray(answer) ? answer : [answer];
		const message = { role: "assistant", content };
		let text = content;
		if (ROLLPIN_REASONING === "1") {
			message.reasoning_content = `Step ${at}: think first.`;
			text = `<think>\n${message.reasoning_content}\n</think>\n\n${content}`;
		}
		if (name !== undefined) {
			// A model spells JSON its own way: with spaces, as Python does.
			const spelled = JSON.stringify(args, null, 1).replaceAll(/\n */g, " ");
			text += `\n<tool_call>\n{"name": "${name}", "arguments": ${spelled}}\n</tool_call>`;
			const call = { id: `call_${at}`, index: 0, type: "function" };
			message.tool_calls = [{ ...call, function: { name, arguments: spelled } }];
		}
		const match = { header: { name: "x-smg-routing-key", value: id } };
		const finishReason = name === undefined ? "stop" : "tool_calls";
		await post(`${ROLLPIN_CONTROL}/script`, [{ match, text, message, finishReason }]);
	}
}

/** Runs loops one after the other: [label, async (session) => ...]. */
export async function run(loops) {
	const print = process.stdout.write.bind(process.stdout);
	console.log = console.error;
	for (const [label, drive] of loops) {
		const { session_id: id } = await post(`${ROLLPIN_URL}/sessions`, {});
		let error = null;
		try {
			await drive({ id, baseURL: `${ROLLPIN_URL}/sessions/${id}/v1` });
		} catch (problem) {
			console.error(problem);
			error = `${problem?.name}: ${problem?.message}`.slice(0, 500);
		}
		print(`${JSON.stringify({ loop: label, session: id, rewrites: null, error })}\n`);
	}
}

export const SCHEMAS = {
	get_weather: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
	add: {
		type: "object",
		properties: { a: { type: "integer" }, b: { type: "number" } },
		required: ["a", "b"],
	},
};

export const TOOLS = Object.entries(SCHEMAS).map(([name, parameters]) => ({
	type: "function",
	function: { name, description: `Tool ${name}`, parameters },
}));
