// How the simulator's tests reach it: plain HTTP posts, and raw sockets for what no HTTP client would show.
import { connect, type Socket } from "node:net";
import { fileURLToPath } from "node:url";
import type { SimEngine } from "../../src/sim/server.js";

/** The checkpoint that ships with the package. */
export const TOY_CHECKPOINT = fileURLToPath(new URL("../../checkpoints/toy", import.meta.url));

export const CHAT = "/v1/chat/completions";

export interface ChatReply {
	id: string;
	choices: Array<{
		message: {
			content: string;
			reasoning_content: string | null;
			tool_calls:
				| Array<{
						id: string;
						index: number;
						type: string;
						function: { name: string; arguments: string };
				  }>
				| null
				| undefined;
		};
		finish_reason: string;
		matched_stop: number | string | null;
		prompt_token_ids?: number[];
		meta_info: {
			prompt_tokens: number;
			completion_tokens: number;
			cached_tokens: number;
			weight_version: string;
			e2e_latency: number;
			output_token_logprobs: Array<[number, number, string | null]>;
			routed_experts?: string;
			indexer_topk?: string;
			indexer_topk_num_layers?: number;
		};
	}>;
	usage: { prompt_tokens: number; completion_tokens: number; total_tokens: number };
}

/** The fields that Rollpin itself sends with every chat. */
export const ASKED = {
	logprobs: true,
	return_meta_info: true,
	no_stop_trim: false,
	return_prompt_token_ids: true,
};

export async function postJson(
	url: string,
	body: unknown,
	headers: Record<string, string> = {},
	signal?: AbortSignal,
): Promise<Response> {
	const init: RequestInit = {
		method: "POST",
		headers: { "content-type": "application/json", ...headers },
		body: JSON.stringify(body),
	};
	if (signal) init.signal = signal;
	return await fetch(url, init);
}

/** A chat that must succeed. */
export async function chat(engine: SimEngine, body: Record<string, unknown>): Promise<ChatReply> {
	const response = await postJson(engine.url + CHAT, { ...ASKED, ...body });
	if (response.status !== 200) throw new Error(`chat answered ${response.status}: ${await response.text()}`);
	return (await response.json()) as ChatReply;
}

export function idsOf(reply: ChatReply): number[] {
	return (reply.choices[0] as ChatReply["choices"][0]).meta_info.output_token_logprobs.map(
		(entry) => entry[1],
	);
}

export function choiceOf(reply: ChatReply): ChatReply["choices"][0] {
	return reply.choices[0] as ChatReply["choices"][0];
}

export interface RawAnswer {
	bytes: Buffer;
	/** How the connection ended. */
	end: "closed" | "reset" | "refused";
}

/** Sends one chat over a raw socket and reads until the connection ends. */
export async function rawChat(
	engine: SimEngine,
	body: unknown,
	onSocket?: (socket: Socket) => void,
): Promise<RawAnswer> {
	const { hostname, port } = new URL(engine.url);
	const text = JSON.stringify(body);
	return await new Promise((resolve) => {
		const chunks: Buffer[] = [];
		const socket = connect(Number(port), hostname);
		let end: RawAnswer["end"] = "closed";
		socket.on("data", (chunk: Buffer) => chunks.push(chunk));
		socket.on("error", (error: NodeJS.ErrnoException) => {
			end = error.code === "ECONNREFUSED" ? "refused" : "reset";
		});
		socket.on("close", () => resolve({ bytes: Buffer.concat(chunks), end }));
		socket.write(
			`POST ${CHAT} HTTP/1.1\r\nHost: sim\r\nContent-Type: application/json\r\n` +
				`Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
		);
		onSocket?.(socket);
	});
}
