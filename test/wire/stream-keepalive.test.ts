import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { startRig, type WorkerRig } from "../support/worker-rig.js";

let rig: WorkerRig;
beforeAll(async () => {
	rig = await startRig({ sseKeepaliveMs: 20 });
});
afterAll(() => rig.close());
beforeEach(() => rig.control.reset());

const streamed = (id: string) =>
	rig.chat(id, { model: "m", messages: [{ role: "user", content: "x" }], max_tokens: 4, stream: true });

describe("--sse-keepalive", () => {
	it("sends comment lines while a streamed reply is long in coming, then the reply", async () => {
		await rig.control.script({ latencyMs: 300 });
		const { status, headers, text } = await streamed("slow");
		expect([status, headers["content-type"]]).toEqual([200, "text/event-stream; charset=utf-8"]);
		expect(text).toMatch(/^(: waiting\n\n)+data: \{.*\}\n\ndata: \[DONE\]\n\n$/);
	});

	it.each([
		["an engine that fails", { latencyMs: 300, fault: "garbage" as const }, "upstream_invalid"],
		["an engine that refuses", { latencyMs: 300, status: 400, body: "{}" }, "upstream_status"],
	])("tells of %s inside the stream once its status is out, without [DONE]", async (_what, answer, code) => {
		await rig.control.script(answer);
		const { status, text } = await streamed(`failed-${Object.keys(answer).join("-")}`);
		expect(status).toBe(200);
		expect(text).toMatch(/^(: waiting\n\n)+data: \{"error":.*\}\n\n$/);
		expect(text).toContain(`"code":"${code}"`);
	});

	it("hands the engine's own error on inside the stream, and records nothing", async () => {
		const body = '{"object":"error","message":"the prompt is too long","type":"BadRequestError","code":400}';
		await rig.control.script({ latencyMs: 300, status: 400, body });
		const { text } = await streamed("engine-error");
		const event = text.replace(/^(: waiting\n\n)+data: /, "");
		expect(JSON.parse(event)).toEqual({
			error: { message: "the prompt is too long", type: "BadRequestError", code: 400, status: 400 },
		});
		expect((await rig.request("GET", "/sessions/engine-error")).json.records).toEqual([]);
	});

	it("keeps the status code of what is refused at once", async () => {
		const refused = await rig.chat("bad", { model: "m", messages: [], stream: true });
		expect(refused.status).toBe(400);
	});
});
