import { expect, it } from "vitest";
import { PathState } from "../../src/session/path/path-state.js";
import type { TurnHeader } from "../../src/store/store.js";
import { chatBodyLimits, parseChatBody } from "../../src/wire/chat-body.js";

it("an idle session keeps of a request's body no more than its messages", () => {
	const note = "j".repeat(1024 * 1024);
	const body = Buffer.from(`{"messages":[{"role":"user","content":"x"}],"note":"${note}"}`);
	const { messages } = parseChatBody(
		body,
		null,
		chatBodyLimits({ maxMessages: 10, maxJsonDepth: 64, maxTokensPerSession: 1000 }),
	);
	const state = new PathState();
	const turn = {
		tail: messages.content,
		requestCount: messages.count,
		appended: [messages.bytes(0)],
		generated: Buffer.from('{"role":"assistant","content":"y"}'),
	};
	state.push(
		{ id: 0, trimCount: 0, messagesShared: 0 } as TurnHeader,
		turn,
		new Int32Array([1]),
		new Int32Array([2]),
	);
	expect(state.request?.content.toString()).toBe('{"role":"user","content":"x"}');
	expect(state.request?.content.buffer.byteLength).toBeLessThan(64 * 1024);
	for (const message of state.messages) expect(message.bytes.buffer.byteLength).toBeLessThan(64 * 1024);
});
