// Runs Rollpin against a real SGLang: verify, demo, render matrix, aborts, R3, gateways, a killed engine. Writes docs/engines.md.
// npm run build && node scripts/try-engine.js --engine URL --checkpoint DIR ...   Not part of `npm test`.
import { spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer as createHttpServer, request as httpRequest } from "node:http";
import { createServer } from "node:net";
import { join } from "node:path";
import { parseArgs } from "node:util";

const HELP = `Usage: node scripts/try-engine.js --engine <url> --checkpoint <dir> [options]

  --engine <url>          a running SGLang
  --checkpoint <dir>      the checkpoint it serves
  --moe-engine <url>      a second one, a mixture of experts started with --enable-return-routed-experts
  --moe-checkpoint <dir>  and its checkpoint
  --smg <file>            the smg binary; it is put in front of the engine
  --router <file>         the sglang-router binary; the cluster must refuse it at the start
  --kill <pid>            the engine's process: killed (SIGKILL) in mid-turn, last of all
  --write                 write docs/engines.md
`;

const { values } = parseArgs({
	options: Object.fromEntries(
		["engine", "checkpoint", "moe-engine", "moe-checkpoint", "smg", "router", "kill", "write", "help"].map(
			(name) => [name, { type: name === "write" || name === "help" ? "boolean" : "string" }],
		),
	),
});
if (values.help || values.engine === undefined || values.checkpoint === undefined) {
	process.stdout.write(HELP);
	process.exit(values.help ? 0 : 2);
}

const ROOT = join(import.meta.dirname, "..");
const ROLLPIN = join(ROOT, "bin", "rollpin.js");
const { engine, checkpoint } = values;
const out = [];
let failures = 0;

function say(line) {
	out.push(line);
	process.stdout.write(`${line}\n`);
}

function judge(good, line) {
	if (!good) failures++;
	say(`${good ? "ok  " : "FAIL"} ${line}`);
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function freePort() {
	const server = createServer().listen(0, "127.0.0.1");
	await new Promise((resolve) => server.once("listening", resolve));
	const { port } = server.address();
	await new Promise((resolve) => server.close(resolve));
	return port;
}

/** A cluster over an engine; `url` is null when it ended instead of becoming ready. */
async function serve(upstream, dir, ...flags) {
	const args = ["serve", "--port", "0", "--store", "memory", "--backends", "2", "--log-format", "json"];
	const child = spawn(
		process.execPath,
		[ROLLPIN, ...args, "--upstream", upstream, "--checkpoint", dir, ...flags],
		{
			stdio: ["ignore", "pipe", "ignore"],
		},
	);
	const records = [];
	let rest = "";
	const ended = new Promise((resolve) => child.once("exit", resolve));
	const ready = new Promise((resolve) => {
		child.stdout.on("data", (data) => {
			const lines = (rest + data).split("\n");
			rest = lines.pop();
			for (const line of lines) {
				const record = JSON.parse(line);
				records.push(record);
				if (record.event === "cluster_ready") resolve(record.url);
			}
		});
	});
	const url = await Promise.race([ready, ended.then(() => null)]);
	const stop = async () => {
		if (child.exitCode === null) child.kill("SIGTERM");
		await ended;
	};
	return { url, records, stop, exitCode: () => child.exitCode };
}

async function call(url, method = "GET", body = undefined, headers = {}, signal = undefined) {
	const response = await fetch(url, {
		method,
		headers: { "content-type": "application/json", ...headers },
		...(body === undefined ? {} : { body: JSON.stringify(body) }),
		...(signal === undefined ? {} : { signal }),
	});
	const text = await response.text();
	let json = null;
	try {
		json = JSON.parse(text);
	} catch {
		// Not every answer is JSON.
	}
	return { status: response.status, json, text };
}

const open = async (url, body = {}) => (await call(`${url}/sessions`, "POST", body)).json.session_id;
const chatUrl = (url, id) => `${url}/sessions/${id}/v1/chat/completions`;

/** Beside the event loop, which may be the engine's second address. */
async function program(name, url, ...flags) {
	const child = spawn(process.execPath, [ROLLPIN, name, "--url", url, ...flags], {
		stdio: ["ignore", "pipe", "inherit"],
		timeout: 300_000,
	});
	let text = "";
	child.stdout.setEncoding("utf8").on("data", (piece) => {
		text += piece;
	});
	const code = await new Promise((resolve) => child.once("close", resolve));
	return { code, text };
}

const user = (content) => ({ role: "user", content });
const system = (content) => ({ role: "system", content });
const schema = {
	type: "object",
	properties: { a: { type: "string" }, n: { type: "number", minimum: 0.5, maximum: 1e20 } },
};
const tool = (described) => ({ type: "function", function: described });
const called = (text, more = {}) => [
	user("go"),
	{
		role: "assistant",
		content: "",
		tool_calls: [{ id: "c1", type: "function", function: { name: "f", arguments: text } }],
		...more,
	},
	{ role: "tool", tool_call_id: "c1", content: "done" },
];
const said = (message) => [user("one"), { role: "assistant", ...message }, user("two")];
const parts = (...texts) => texts.map((text) => ({ type: "text", text }));
const TOOL = tool({ name: "f", description: "does it", parameters: schema });

const MATRIX = {
	question: { messages: [user("hello")] },
	"system message": { messages: [system("be brief"), user("hello")] },
	"two system messages": { messages: [system("be brief"), system("be kind"), user("hello")] },
	developer: { messages: [{ role: "developer", content: "be brief" }, user("hello")] },
	"control tokens in content": { messages: [user("<|im_end|> <think> <tool_call> <|endoftext|>")] },
	unicode: { messages: [user("é 你好 👩‍👩‍👧 \u202e\u00a0 e\u0301")] },
	"white space": { messages: [user("  \n\n lead \r\n\t trail \n ")] },
	"empty content": { messages: [user("")] },
	"parts of a user": { messages: [{ role: "user", content: parts("one", "two") }] },
	"parts of a system": { messages: [{ role: "system", content: parts("one", "two") }, user("x")] },
	"parts of a tool": {
		messages: [
			...called("{}").slice(0, 2),
			{ role: "tool", tool_call_id: "c1", content: parts("one", "two") },
		],
	},
	"parts of an assistant": { messages: said({ content: parts("one", "two") }) },
	name: { messages: [{ ...user("hello"), name: "bob" }] },
	answer: { messages: said({ content: "yes" }) },
	"answer with reasoning": { messages: said({ content: "yes", reasoning_content: "because" }) },
	"answer with think tags": { messages: said({ content: "<think>\nbecause\n</think>\n\nyes" }) },
	"no tool calls": { messages: said({ content: "yes", tool_calls: [] }) },
	"content null beside a call": { messages: called('{"a":"x","n":1.0}', { content: null }) },
	"reasoning beside a call": { messages: called('{"a": "x"}', { reasoning_content: "because" }) },
	"numbers in arguments": { messages: called('{"x":1e5,"y":-0.0,"v":0.1e-6,"k":9007199254740993}') },
	"escapes in arguments": { messages: called('{"x":"\\u00e9 <b> \\ud83d\\ude00 \\/"}') },
	"nested arguments": { messages: called('{"x":{"b":[1,{"c":null}],"a":true},"y":[]}') },
	"a key twice in arguments": { messages: called('{"x":1,"y":2,"x":3}') },
	"empty arguments": { messages: called("") },
	"arguments 1E400": { messages: called('{"x":1E400}') },
	"arguments cut off": { messages: called('{"x":') },
	"arguments a text": { messages: called('"abc"') },
	"arguments a list": { messages: called("[1,2]") },
	"thinking off": { messages: [user("hello")], chat_template_kwargs: { enable_thinking: false } },
	"reasoning effort": { messages: [user("hello")], reasoning_effort: "low" },
	"a tool": { messages: [user("go")], tools: [TOOL] },
	"parameters first": {
		messages: [user("go")],
		tools: [tool({ parameters: schema, name: "f", description: "d" })],
	},
	"strict true": { messages: [user("go")], tools: [tool({ name: "f", strict: true, parameters: schema })] },
	"strict null": {
		messages: [user("go")],
		tools: [tool({ name: "f", description: "d", strict: null, parameters: schema })],
	},
	"no description": { messages: [user("go")], tools: [tool({ name: "f", parameters: schema })] },
	"no parameters": { messages: [user("go")], tools: [tool({ name: "f", description: "d" })] },
	"unknown keys": { messages: [user("go")], tools: [{ ...tool({ ...TOOL.function, x: 1 }), y: 2 }] },
	"tool_choice none": { messages: [user("go")], tools: [TOOL], tool_choice: "none" },
	"tool_choice named": {
		messages: [user("go")],
		tools: [TOOL, tool({ name: "g", description: "d", parameters: schema })],
		tool_choice: { type: "function", function: { name: "g" } },
	},
};

/** Where we differ from the engine on purpose, and why. */
const ON_PURPOSE = {
	developer: "shown as a system message where the template would drop its text",
	"empty arguments": "an empty object, where the engine refuses its own history",
};

const THINK = /(?:<think>(?:(?!<\/?think>)[\s\S])*)?<\/think>\s*/g;

async function matrix(url) {
	const counts = { same: 0, reasoning: 0, refused: 0, purpose: 0 };
	for (const [name, body] of Object.entries(MATRIX)) {
		const full = { model: "default", max_tokens: 1, ...body };
		const own = await call(`${engine}/v1/chat/completions`, "POST", {
			...full,
			return_prompt_token_ids: true,
		});
		const id = await open(url);
		const ours = await call(chatUrl(url, id), "POST", full);
		await call(`${url}/sessions/${id}`, "DELETE");
		const ids = [own, ours].map(({ json }) => json?.choices?.[0]?.prompt_token_ids);
		if (JSON.stringify(ids[0]) === JSON.stringify(ids[1]) && own.status === ours.status && own.status === 200)
			counts.same++;
		else if (own.status >= 400 && ours.status === 400) counts.refused++;
		else {
			const texts = await Promise.all(
				ids.map(async (tokens) =>
					tokens === undefined
						? null
						: (await call(`${engine}/detokenize`, "POST", { tokens, skip_special_tokens: false })).json?.text,
				),
			);
			const stripped = texts.map((text) => text?.replace(THINK, ""));
			if (typeof stripped[0] === "string" && stripped[0] === stripped[1]) counts.reasoning++;
			else if (Object.hasOwn(ON_PURPOSE, name) && ours.status === 200) {
				counts.purpose++;
				say(`     "${name}" on purpose: ${ON_PURPOSE[name]}`);
			} else
				judge(
					false,
					`render "${name}": engine ${own.status} ${JSON.stringify(texts[0] ?? own.text)?.slice(0, 160)}, ours ${ours.status} ${JSON.stringify(texts[1] ?? ours.text)?.slice(0, 160)}`,
				);
		}
	}
	const total = Object.keys(MATRIX).length;
	const sum = counts.same + counts.reasoning + counts.refused + counts.purpose;
	judge(
		sum === total,
		`render matrix: of ${total} first prompts ${counts.same} have the engine's own ids, ${counts.reasoning} differ only in reasoning that the family keeps, ${counts.refused} are refused by both, ${counts.purpose} differ on purpose`,
	);
}

/** Running requests by the engine's own count. @throws when it gives none: nothing would have been measured */
async function running() {
	const { json, status } = await call(`${engine}/v1/loads`);
	if (!Array.isArray(json?.loads)) throw new Error(`GET /v1/loads answered ${status} without loads`);
	return json.loads.reduce((sum, load) => sum + load.num_running_reqs + load.num_waiting_reqs, 0);
}

async function untilIdle() {
	const startedMs = performance.now();
	while ((await running()) > 0 && performance.now() - startedMs < 20_000) await sleep(5);
	return Math.round(performance.now() - startedMs);
}

async function aborts(url) {
	const long = { model: "default", messages: [user("write")], max_tokens: 6000, ignore_eos: true };
	const begin = async (body) => {
		const id = await open(url, body);
		const away = new AbortController();
		const chat = call(chatUrl(url, id), "POST", long, {}, away.signal).catch((error) => ({
			status: 0,
			text: String(error),
		}));
		const startedMs = performance.now();
		while ((await running()) === 0)
			if (performance.now() - startedMs > 20_000) throw new Error("the engine never ran the chat");
			else await sleep(20);
		return { id, away, chat };
	};
	const deleted = await begin({});
	const gone = call(`${url}/sessions/${deleted.id}`, "DELETE");
	const deletedMs = await untilIdle();
	await gone;
	const { status } = await deleted.chat;
	judge(
		deletedMs < 1000 && status === 410,
		`DELETE in mid-turn: the chat gets ${status}, the engine runs nothing after ${deletedMs} ms`,
	);
	const left = await begin({});
	left.away.abort();
	const leftMs = await untilIdle();
	judge(leftMs < 1000, `client gone in mid-turn: the engine runs nothing after ${leftMs} ms`);
	const due = await begin({ ttl_seconds: 10 });
	const outcome = await due.chat;
	const dueMs = await untilIdle();
	judge(
		outcome.status === 410 && outcome.json?.error?.code === "session_expired" && dueMs < 1000,
		`deadline in mid-turn: the chat gets ${outcome.status} ${outcome.json?.error?.code}, the engine runs nothing after ${dueMs} ms`,
	);
}

/** The engine under a second address that notes which routing keys came by. */
async function counted(target) {
	const keys = new Set();
	const server = createHttpServer((request, response) => {
		const key = request.headers["x-smg-routing-key"];
		if (key !== undefined) keys.add(key);
		const { method, headers, url } = request;
		const onward = httpRequest(new URL(url, target), { method, headers }, (reply) => {
			response.writeHead(reply.statusCode, reply.headers);
			reply.pipe(response);
		});
		onward.on("error", () => response.destroy());
		response.on("close", () => onward.destroy());
		request.pipe(onward);
	}).listen(0, "127.0.0.1");
	await new Promise((resolve) => server.once("listening", resolve));
	const stop = () => {
		server.close();
		server.closeAllConnections();
	};
	return { url: `http://127.0.0.1:${server.address().port}`, keys, stop };
}

async function gatewayUp(binary, upstreams, ...flags) {
	const port = await freePort();
	const args = [
		"launch",
		"--host",
		"127.0.0.1",
		"--port",
		String(port),
		"--prometheus-port",
		String(await freePort()),
	];
	const child = spawn(binary, [...args, "--worker-urls", ...upstreams, ...flags], { stdio: "ignore" });
	const url = `http://127.0.0.1:${port}`;
	for (let tries = 0; tries < 100; tries++) {
		await sleep(200);
		const models = await call(`${url}/v1/models`).catch(() => null);
		if (models?.status === 200 && models.json?.data?.length > 0) break;
	}
	return { url, stop: () => child.kill("SIGTERM") };
}

async function smg(binary) {
	const engines = [await counted(engine), await counted(engine)];
	const urls = engines.map(({ url }) => url);
	const gateway = await gatewayUp(binary, urls, "--policy", "consistent_hashing");
	const models = await call(`${gateway.url}/v1/models`);
	const cluster = await serve(gateway.url, checkpoint, "--served-model", models.json.data[0].id);
	const check = cluster.records.find(({ event }) => event === "engine_check");
	judge(check?.result === "ok", `smg in front: ${check?.result}, asked by ${check?.by}`);
	const verified = await program("verify", cluster.url, "--max-tokens", "200");
	judge(verified.code === 0, `smg in front: rollpin verify ends with ${verified.code}`);
	for (const { keys } of engines) keys.clear();
	const demo = await program("demo", cluster.url, "--sessions", "8", "--turns", "3", "--max-tokens", "32");
	judge(demo.code === 0, `smg in front: rollpin demo ends with ${demo.code}`);
	const [one, other] = engines.map(({ keys }) => keys);
	const both = [...one].filter((key) => other.has(key));
	judge(
		one.size + other.size === 8 && both.length === 0,
		`smg --policy consistent_hashing before two addresses of the engine: ${one.size} and ${other.size} sessions, ${both.length} of them on both`,
	);
	await cluster.stop();
	gateway.stop();
	for (const { stop } of engines) stop();
}

async function router(binary) {
	const gateway = await gatewayUp(binary, [engine]);
	const cluster = await serve(gateway.url, checkpoint);
	const line = cluster.records.find(({ event }) => event === "start_failed")?.msg ?? "it started";
	judge(
		cluster.url === null && line.includes("sglang-router"),
		`sglang-router in front, exit code ${cluster.exitCode()}: ${line.replaceAll(gateway.url, "<router>")}`,
	);
	await cluster.stop();
	gateway.stop();
}

async function r3(mode) {
	const cluster = await serve(values["moe-engine"], values["moe-checkpoint"], "--r3", mode);
	const verified = await program("verify", cluster.url, "--max-tokens", "64");
	const id = await open(cluster.url);
	const messages = [user("hello")];
	for (let turn = 0; turn < 2; turn++) {
		const { json } = await call(chatUrl(cluster.url, id), "POST", {
			model: "default",
			messages,
			max_tokens: 8,
		});
		messages.push(json.choices[0].message, user("and then?"));
	}
	const { json } = await call(`${cluster.url}/sessions/${id}`);
	const sizes = json.records.map(({ response }) => response.choices[0].meta_info.routed_experts?.length ?? 0);
	judge(
		verified.code === 0 && sizes.every((size) => size > 0),
		`--r3 ${mode}: verify ends with ${verified.code}, payloads of ${sizes.join(" and ")} characters`,
	);
	await cluster.stop();
}

async function killed(url, pid) {
	const id = await open(url);
	const first = await call(chatUrl(url, id), "POST", {
		model: "default",
		messages: [user("hello")],
		max_tokens: 8,
	});
	const messages = [user("hello"), first.json.choices[0].message, user("more")];
	const chat = call(chatUrl(url, id), "POST", {
		model: "default",
		messages,
		max_tokens: 6000,
		ignore_eos: true,
	});
	while ((await running()) === 0) await sleep(20);
	process.kill(pid, "SIGKILL");
	const { status, json } = await chat;
	const session = await call(`${url}/sessions/${id}`);
	const health = await call(`${url}/health`);
	judge(
		status === 502 && session.json.records.length === 1 && health.status === 200,
		`engine killed in mid-turn: the chat gets ${status} ${json?.error?.code}, ${session.json.records.length} of 1 turns kept, /health ${health.status}`,
	);
}

const info = (await call(`${engine}/server_info`)).json;
const cluster = await serve(engine, checkpoint);
const ready = cluster.records.find(({ event }) => event === "cluster_ready");
if (cluster.url === null || ready === undefined) {
	process.stderr.write(
		`${cluster.records.find(({ event }) => event === "start_failed")?.msg ?? "the cluster did not start"}\n`,
	);
	process.exit(1);
}
say(`SGLang ${info?.version}, family ${ready.tito_model} (${ready.tito_model_from})`);
const checked = cluster.records.find(({ event }) => event === "engine_check");
judge(checked?.result === "ok", `truth check at the start: ${checked?.result}, by ${checked?.by}`);
const verified = await program("verify", cluster.url, "--max-tokens", "200");
judge(verified.code === 0, `rollpin verify ends with ${verified.code}`);
const from = verified.text.indexOf("engine's own rendering");
for (const line of verified.text.slice(from).trimEnd().split("\n")) say(`     ${line}`);
const demo = await program("demo", cluster.url, "--sessions", "8", "--turns", "4", "--max-tokens", "64");
judge(demo.code === 0, `rollpin demo, 8 sessions of 4 turns, ends with ${demo.code}`);
await matrix(cluster.url);
await aborts(cluster.url);
if (values["moe-engine"] !== undefined) {
	await r3("full");
	await r3("incremental");
}
if (values.smg !== undefined) await smg(values.smg);
if (values.router !== undefined) await router(values.router);
if (values.kill !== undefined) await killed(cluster.url, Number(values.kill));
await cluster.stop();
say(failures === 0 ? "everything as it should be" : `${failures} not as they should be`);
if (values.write) {
	const day = new Date().toISOString().slice(0, 10);
	const page = join(ROOT, "docs", "engines.md");
	const before = readFileSync(page, "utf8");
	writeFileSync(
		page,
		`# Against a real engine

What \`scripts/try-engine.js\` printed on ${day}, on a small random model over a real tokenizer, its processes at the lowest
priority of a busy two-core machine: the milliseconds are upper bounds. Made again by:
\`npm run build && node scripts/try-engine.js --engine URL --checkpoint DIR --write\` (\`--help\` tells the rest).
A rendering "differs only in reasoning" where the family keeps what the model's own template drops ([families.md](families.md)).
What is not in the output below was not run: ${values["moe-engine"] === undefined ? "no mixture of experts (`--r3`), and " : ""}no checkpoint but the one named in its first line.

\`\`\`
${out.join("\n")}
\`\`\`

${before.slice(before.indexOf("## Adding an engine"))}`,
	);
}
process.exitCode = failures === 0 ? 0 : 1;
