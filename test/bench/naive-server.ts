// Role: the naive baseline. One process that parses and keeps everything as objects; linear chats only, no limits, no store.
import { isDeepStrictEqual } from "node:util";
import { serve } from "@hono/node-server";
import { Hono } from "hono";
import { parseJson } from "../../src/json/parse.js";
import type { JsonObject } from "../../src/json/value.js";
import { createTito } from "../../src/tito/create.js";
import { chooseFamily } from "../../src/tito/family-choice.js";
import { TOY_CHECKPOINT } from "../support/worker-rig.js";
import { createLoopWatch } from "./loop-watch.js";
import { ready } from "./processes.js";
import type { WorkerUsage } from "./worker-alone.js";

export interface NaiveServer {
	url: string;
}

interface Message {
	role: string;
	content: string;
}

interface Reply {
	choices: Array<{
		message: Message;
		prompt_token_ids?: number[];
		meta_info: { output_token_logprobs: Array<[number, number]>; routed_experts?: string };
	}>;
}

interface Session {
	messages: Message[];
	tokens: number[];
	records: Array<{ request: object; response: Reply }>;
	/** The end of the last chat: a session's chats run one at a time. */
	last: Promise<unknown>;
}

const [upstream, r3, checkpoint] = process.argv.slice(2);
const checkpointDir = checkpoint ?? TOY_CHECKPOINT;
const tito = await createTito({
	checkpointDir,
	chatTemplateFile: null,
	chatTemplateKwargs: new Map(),
	titoModel: chooseFamily(checkpointDir).family,
});
const kwargs = tito.effectiveKwargs(undefined);
const sessions = new Map<string, Session>();
const app = new Hono();
app.post("/sessions", (context) => {
	const id = context.req.header("x-rollpin-session-id") ?? "";
	sessions.set(id, { messages: [], tokens: [], records: [], last: Promise.resolve() });
	return context.json({ session_id: id });
});
app.get("/sessions/:id", (context) => {
	const session = sessions.get(context.req.param("id"));
	return context.json({ records: session?.records ?? [], metadata: { tokens: session?.tokens ?? [] } });
});
app.delete("/sessions/:id", (context) => {
	sessions.delete(context.req.param("id"));
	return context.body(null, 204);
});
app.post("/sessions/:id/v1/chat/completions", async (context) => {
	const session = sessions.get(context.req.param("id"));
	if (session === undefined) return context.json({ error: "session not found" }, 404);
	const body = (await context.req.json()) as { messages: Message[] };
	const turn = session.last.then(() => chat(session, body));
	session.last = turn.catch(() => undefined);
	return context.json(await turn);
});

async function chat(session: Session, body: { messages: Message[] }): Promise<object> {
	const known = session.messages.length;
	if (!isDeepStrictEqual(body.messages.slice(0, known), session.messages))
		throw new Error("history mismatch");
	const input_ids = await promptIds(session, body.messages);
	const request = {
		...body,
		input_ids,
		logprobs: true,
		return_meta_info: true,
		no_stop_trim: false,
		return_prompt_token_ids: true,
		...(r3 === "full" ? { return_routed_experts: true } : {}),
	};
	const response = await fetch(`${upstream}/v1/chat/completions`, {
		method: "POST",
		headers: { "content-type": "application/json" },
		body: JSON.stringify(request),
	});
	if (!response.ok) throw new Error(`the engine answered ${response.status}`);
	const reply = (await response.json()) as Reply;
	const choice = reply.choices[0];
	if (choice === undefined) throw new Error("no choices");
	if (!isDeepStrictEqual(choice.prompt_token_ids, input_ids)) throw new Error("prompt_token_ids differ");
	const { routed_experts: _kept, ...meta } = choice.meta_info;
	session.records.push({ request, response: reply });
	session.messages = [...body.messages, choice.message];
	session.tokens = [...input_ids, ...meta.output_token_logprobs.map(([, id]) => id)];
	return { ...reply, choices: [{ ...choice, meta_info: meta }] };
}

/** Stored tokens, boundary-fixed, and those of the appended messages. */
async function promptIds(session: Session, messages: readonly Message[]): Promise<number[]> {
	const appended = messages.slice(session.messages.length).map(asJson);
	const last = session.messages.at(-1);
	if (last === undefined) {
		return [...(await tito.encodePrompt({ messages: appended, tools: undefined, kwargs }))];
	}
	const suffix = await tito.encodeSuffix({ lastAssistant: asJson(last), appended, tools: undefined, kwargs });
	const { trimCount, insert } = tito.joinBoundary(session.tokens.at(-1));
	return [...session.tokens.slice(0, session.tokens.length - trimCount), ...insert, ...suffix];
}

function asJson(message: Message): JsonObject {
	return parseJson(JSON.stringify(message)) as JsonObject;
}

const loopWatch = createLoopWatch();
process.on("message", (message) => {
	// Where the process was started with --expose-gc.
	if (message === "gc") globalThis.gc?.();
	const usage: WorkerUsage = {
		loop: loopWatch.take(),
		peakRssBytes: process.resourceUsage().maxRSS * 1024,
	};
	process.send?.(usage);
});
// Its loop is blocked for seconds at a time; connections that wait meanwhile must not count as idle behind it.
const serverOptions = { keepAliveTimeout: 600_000 };
const address = { port: 0, hostname: "127.0.0.1" };
const server = serve({ fetch: app.fetch, ...address, serverOptions }, ({ port }) => {
	const message: NaiveServer = { url: `http://127.0.0.1:${port}` };
	ready(message, () => void server.close());
});
