// Role: an engine that costs next to nothing, so that a run shows what its subject costs. Answers chats with replies that the
// simulated engine made at the start, and leaves all else to it.
import { createServer, type Socket } from "node:net";
import { startSimEngine } from "../../src/sim/server.js";
import { TOY_CHECKPOINT } from "../support/worker-rig.js";
import { type CannedReply, fill, takeApart } from "./canned-reply.js";
import { PayloadText } from "./payload-text.js";
import { ready } from "./processes.js";
import { forward, type HttpRequest, RequestReader } from "./raw-http.js";

export interface CannedEngine {
	url: string;
}

/** So many different replies are sent in turn. */
const REPLIES = 16;
/** Of a prompt that comes as messages only, which nobody is asked to count exactly. */
const BYTES_PER_TOKEN = 3;

const [bytesPerToken, tokensOut, port, checkpoint] = process.argv.slice(2);
const simulated = await startSimEngine({
	checkpointDir: checkpoint ?? TOY_CHECKPOINT,
	replyTokensMin: Number(tokensOut),
	replyTokensMax: Number(tokensOut),
	r3BytesPerToken: 4,
	requestLogEntries: 1,
});
const replies: CannedReply[] = [];
for (let at = 0; at < REPLIES; at++) replies.push(takeApart(await simulatedReply(at)));
const payloads = Number(bytesPerToken) > 0 ? new PayloadText(Number(bytesPerToken)) : null;
const NOTHING: readonly Buffer[] = [];
/** The last prompt of each session, of which only what follows is counted in the next. */
const prompts = new Map<string, { ids: Buffer; tokens: number }>();
let sent = 0;

async function simulatedReply(seed: number): Promise<string> {
	const response = await fetch(`${simulated.url}/v1/chat/completions`, {
		method: "POST",
		headers: { "content-type": "application/json" },
		body: JSON.stringify({
			model: "sim",
			messages: [{ role: "user", content: "Go on." }],
			input_ids: Array.from({ length: 4 }, (_, at) => 300 + seed + at),
			max_tokens: Number(tokensOut),
			logprobs: true,
			return_meta_info: true,
			return_prompt_token_ids: true,
			return_routed_experts: true,
		}),
	});
	if (!response.ok) throw new Error(`the simulated engine answered ${response.status}`);
	return response.text();
}

function answer(socket: Socket, request: HttpRequest): void {
	if (request.method === "POST" && request.path.startsWith("/v1/chat/completions")) chat(socket, request);
	else void forward(simulated.url, request, socket);
}

function chat(socket: Socket, { body, head }: HttpRequest): void {
	const ids = idsIn(body);
	const key = /\r\nx-smg-routing-key: *(\S+)/i.exec(head)?.[1] ?? "";
	const promptTokens = ids === null ? Math.ceil(body.length / BYTES_PER_TOKEN) : countIds(key, ids);
	const reply = replies[sent++ % REPLIES] as CannedReply;
	const total = promptTokens + reply.completionTokens;
	const pieces = fill(reply, {
		ids:
			ids !== null && asks(body, "return_prompt_token_ids")
				? [Buffer.from('"prompt_token_ids":['), ids, Buffer.from("],")]
				: NOTHING,
		prompt: [Buffer.from(String(promptTokens))],
		total: [Buffer.from(String(total))],
		payload: payloads !== null && asks(body, "return_routed_experts") ? payloads.member(total - 1) : NOTHING,
	});
	const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
	socket.cork();
	socket.write(
		`HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\ndate: ${new Date().toUTCString()}\r\n\r\n`,
	);
	for (const piece of pieces) socket.write(piece);
	socket.uncork();
}

/** Text between the brackets. A message can't hold these bytes: its quotes are escaped. */
function idsIn(body: Buffer): Buffer | null {
	const at = body.lastIndexOf('"input_ids":');
	if (at === -1) return null;
	return body.subarray(body.indexOf("[", at) + 1, body.indexOf("]", at));
}

function asks(body: Buffer, name: string): boolean {
	const at = body.lastIndexOf(`"${name}":`);
	return at !== -1 && /^ *true/.test(body.toString("latin1", at + name.length + 3, at + name.length + 9));
}

function countIds(key: string, ids: Buffer): number {
	const last = prompts.get(key);
	const known = last?.ids.equals(ids.subarray(0, last.ids.length)) ? last : null;
	let tokens = known?.tokens ?? 1;
	for (let at = known?.ids.length ?? 0; at < ids.length; at++) if (ids[at] === 0x2c) tokens++;
	if (prompts.size > 1_000) prompts.clear();
	prompts.set(key, { ids, tokens });
	return tokens;
}

const server = createServer({ noDelay: true }, (socket) => {
	const reader = new RequestReader((request) => answer(socket, request));
	socket.on("data", (chunk: Buffer) => reader.push(chunk));
	socket.on("error", () => socket.destroy());
});
server.listen(Number(port ?? 0), "127.0.0.1", () => {
	const address = server.address();
	const message: CannedEngine = {
		url: `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}`,
	};
	ready(message, () => simulated.close());
});
