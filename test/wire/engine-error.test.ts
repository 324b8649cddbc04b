// What of an engine's refusal reaches a client whose stream had begun.
import { expect, it } from "vitest";
import { openaiChat } from "../../src/wire/openai-chat/front-end.js";

const error = (status: number, body: string) => {
	const event = openaiChat.stream.refusalEvent({ status, headers: [], body: Buffer.from(body) });
	expect(event).toMatch(/^data: \{"error":.*\}\n\n$/);
	return (JSON.parse(event.slice(6)) as { error: Record<string, unknown> }).error;
};

it.each<[string, number, string, Record<string, unknown>]>([
	[
		"SGLang's flat error",
		400,
		'{"object":"error","message":"too long","type":"BadRequestError","param":null,"code":400}',
		{ message: "too long", type: "BadRequestError", code: 400, status: 400 },
	],
	[
		"OpenAI's error",
		429,
		'{"error":{"message":"slow down","type":"rate_limit","code":"busy","param":"n"}}',
		{ message: "slow down", type: "rate_limit", code: "busy", param: "n", status: 429 },
	],
	[
		"an error that is text",
		500,
		'{"error":"oops"}',
		{ message: "oops", type: "server_error", code: "upstream_status" },
	],
	[
		"FastAPI's detail",
		404,
		'{"detail":"Not Found"}',
		{ message: "Not Found", type: "not_found_error", status: 404 },
	],
	["plain text", 503, "no workers\n", { message: "no workers", type: "server_error", status: 503 }],
	[
		"an object without text",
		400,
		"{}",
		{ message: expect.stringContaining("status 400"), code: "upstream_status" },
	],
	["nothing", 502, "", { message: expect.stringContaining("status 502"), status: 502 }],
	["a list", 500, "[1]", { message: "[1]", status: 500 }],
	["line ends in the text", 500, "a\n\ndata: [DONE]\n\nb", { message: "a\n\ndata: [DONE]\n\nb" }],
	["a very long text", 500, "x".repeat(10_000), { message: `${"x".repeat(4096)}...` }],
])("%s keeps its text and status", (_name, status, body, expected) => {
	expect(error(status, body)).toMatchObject(expected);
});
