import { expect, it } from "vitest";
import { openaiChat } from "../../../src/wire/openai-chat/front-end.js";
import { describeFrontEnd } from "../conformance.js";
import { openaiChatClient } from "./client.js";

describeFrontEnd("OpenAI chat", openaiChat, openaiChatClient);

it("decodes an OpenAI chat without a copy: the client's bytes are the chat", () => {
	const body = Buffer.from('{"messages":[]}');
	expect(openaiChat.decode(body).chat).toBe(body);
});
