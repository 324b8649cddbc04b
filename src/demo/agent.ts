// One demo agent: an ordinary OpenAI chat client that loops over turns and tool calls. Knows Rollpin only by a base URL.
import type OpenAI from "openai";
import { runTool, TOOLS, userMessage } from "./tools.js";

export interface AgentTurn {
	latencyMs: number;
	/** Ids the reply carried; null for a streamed reply, which carries none. */
	promptIds: number[] | null;
	completionIds: number[] | null;
	toolCalls: number;
	finishReason: string | null;
}

type Message = OpenAI.Chat.Completions.ChatCompletionMessageParam;

/** What the engine adds to OpenAI's choice. */
interface EngineChoice {
	prompt_token_ids?: number[];
	meta_info?: { output_token_logprobs: Array<[number, number, string | null]> };
}

/**
 * Runs `turns` chats one after the other.
 * @param stream ask for the streamed form of every reply
 * @param onTurn called after each turn
 */
export async function runAgent(
	client: OpenAI,
	options: { session: number; turns: number; maxTokens: number; stream: boolean },
	onTurn: (turn: AgentTurn) => void,
): Promise<Message[]> {
	const messages: Message[] = [
		{ role: "system", content: "You are a careful engineer on a rollout cluster. Use tools when they help." },
		{ role: "user", content: userMessage(options.session, 0) },
	];
	for (let turn = 0; turn < options.turns; turn++) {
		const startedMs = performance.now();
		const request = {
			model: "rollout",
			messages,
			tools: TOOLS,
			max_tokens: options.maxTokens,
			return_prompt_token_ids: true,
		} as const;
		const reply = options.stream
			? await streamed(client, request)
			: await plain(client, { ...request, tools: TOOLS, messages });
		onTurn({
			latencyMs: performance.now() - startedMs,
			promptIds: reply.promptIds,
			completionIds: reply.completionIds,
			toolCalls: reply.message.tool_calls?.length ?? 0,
			finishReason: reply.finishReason,
		});
		messages.push(reply.message);
		if (reply.message.tool_calls?.length) {
			for (const call of reply.message.tool_calls) {
				if (call.type !== "function") continue;
				messages.push({
					role: "tool",
					tool_call_id: call.id,
					content: runTool(call.function.name, call.function.arguments),
				});
			}
		} else {
			messages.push({ role: "user", content: userMessage(options.session, turn + 1) });
		}
	}
	return messages;
}

interface AgentReply {
	message: OpenAI.Chat.Completions.ChatCompletionAssistantMessageParam;
	promptIds: number[] | null;
	completionIds: number[] | null;
	finishReason: string | null;
}

async function plain(
	client: OpenAI,
	request: OpenAI.Chat.Completions.ChatCompletionCreateParamsNonStreaming,
): Promise<AgentReply> {
	const reply = await client.chat.completions.create(request);
	const choice = reply.choices[0];
	if (choice === undefined) throw new Error("the reply has no choices");
	const engine = choice as unknown as EngineChoice;
	return {
		message: choice.message,
		promptIds: engine.prompt_token_ids ?? null,
		completionIds: engine.meta_info?.output_token_logprobs.map((entry) => entry[1]) ?? null,
		finishReason: choice.finish_reason,
	};
}

async function streamed(
	client: OpenAI,
	request: Omit<
		OpenAI.Chat.Completions.ChatCompletionCreateParamsStreaming,
		"stream" | "tools" | "messages"
	> & {
		messages: Message[];
		tools: typeof TOOLS;
	},
): Promise<AgentReply> {
	const stream = await client.chat.completions.create({ ...request, stream: true });
	const message: OpenAI.Chat.Completions.ChatCompletionAssistantMessageParam & {
		reasoning_content?: string;
	} = {
		role: "assistant",
		content: "",
	};
	const calls: OpenAI.Chat.Completions.ChatCompletionMessageFunctionToolCall[] = [];
	let finishReason: string | null = null;
	for await (const chunk of stream) {
		const choice = chunk.choices[0];
		if (choice === undefined) continue;
		message.content = `${message.content as string}${choice.delta.content ?? ""}`;
		const reasoning = (choice.delta as { reasoning_content?: string }).reasoning_content;
		if (reasoning !== undefined) message.reasoning_content = (message.reasoning_content ?? "") + reasoning;
		for (const call of choice.delta.tool_calls ?? []) {
			calls[call.index] = {
				id: call.id ?? "",
				type: "function",
				function: { name: call.function?.name ?? "", arguments: call.function?.arguments ?? "" },
			};
		}
		finishReason = choice.finish_reason ?? finishReason;
	}
	if (calls.length > 0) message.tool_calls = calls;
	return { message, promptIds: null, completionIds: null, finishReason };
}
