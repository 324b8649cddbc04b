import { expect, it } from "vitest";
import { chatBodyLimits } from "../../../src/wire/chat-body.js";
import { openaiChat } from "../../../src/wire/openai-chat/front-end.js";
import { describeFrontEnd } from "../conformance.js";
import { openaiChatClient } from "./client.js";

describeFrontEnd("OpenAI chat", openaiChat, openaiChatClient);

it("decodes an OpenAI chat without a copy: the client's bytes are the chat", () => {
	const body = Buffer.from('{"messages":[]}');
	const limits = chatBodyLimits({ maxMessages: 1, maxJsonDepth: 2, maxTokensPerSession: 1000 });
	expect(openaiChat.decode(body, limits).chat).toBe(body);
});
