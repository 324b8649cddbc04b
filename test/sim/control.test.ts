// The control plane: scripts, gates, faults as a raw client sees them, the log and the counters.
import { connect } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { SimControl } from "../../src/sim/control/control-client.js";
import { loadVocabulary } from "../../src/sim/engine/vocabulary.js";
import { type SimEngine, startSimEngine } from "../../src/sim/server.js";
import { ASKED, CHAT, chat, choiceOf, idsOf, postJson, rawChat, TOY_CHECKPOINT } from "./client.js";

let engine: SimEngine;
let control: SimControl;

beforeEach(async () => {
	engine = await startSimEngine({ checkpointDir: TOY_CHECKPOINT });
	control = new SimControl(engine.controlUrl);
});
afterEach(() => engine.close());

const PROMPT = { ...ASKED, input_ids: [1, 2, 3] };

describe("scripted answers", () => {
	it("give status, headers and body as scripted, once, in order", async () => {
		await control.script(
			{ status: 429, headers: [["retry-after", "3"]], body: '{"busy":1.0}' },
			{ status: 500, bodyBase64: Buffer.from([0xff, 0x00]).toString("base64") },
		);
		const first = await postJson(engine.url + CHAT, PROMPT);
		expect([first.status, first.headers.get("retry-after"), await first.text()]).toEqual([
			429,
			"3",
			'{"busy":1.0}',
		]);
		const second = await postJson(engine.url + CHAT, PROMPT);
		expect(Buffer.from(await second.arrayBuffer())).toEqual(Buffer.from([0xff, 0x00]));
		expect((await postJson(engine.url + CHAT, PROMPT)).status).toBe(200);
	});

	it("keep repeated headers apart and a wrong length wrong", async () => {
		await control.script({
			body: "{}",
			headers: [
				["Set-Cookie", "a=1"],
				["Set-Cookie", "b=2"],
				["Content-Length", "5"],
			],
			fault: "truncate-length",
			faultAfterBytes: 2,
		});
		const { bytes } = await rawChat(engine, PROMPT);
		const [head, body] = split(bytes);
		expect(head.match(/set-cookie: .=./gi)).toEqual(["Set-Cookie: a=1", "Set-Cookie: b=2"]);
		expect(head.match(/content-length: \d+/gi)).toEqual(["Content-Length: 5"]);
		expect(body.toString()).toBe("{}");
	});

	it("put text, ids, logprobs and finish reason apart from each other", async () => {
		await control.script({
			text: "not what the ids say",
			ids: [5, 6, 7],
			logprobs: ["-1e-300"],
			finishReason: "length",
			metaInfo: { completion_tokens: 99, extra: { a: 1 } },
		});
		const reply = await chat(engine, PROMPT);
		expect(choiceOf(reply).message.content).toBe("not what the ids say");
		expect(idsOf(reply)).toEqual([5, 6, 7]);
		expect(choiceOf(reply).finish_reason).toBe("length");
		expect(choiceOf(reply).meta_info).toMatchObject({ completion_tokens: 99, extra: { a: 1 } });
		expect(choiceOf(reply).meta_info.output_token_logprobs[0]?.[0]).toBe(-1e-300);
	});

	it("encode a text that stands alone and end it with the end-of-turn id", async () => {
		const vocabulary = await loadVocabulary(TOY_CHECKPOINT, "");
		await control.script({ text: "Scripted café ✅" }, { text: "cut off", finishReason: "abort" });
		const reply = await chat(engine, PROMPT);
		expect(choiceOf(reply)).toMatchObject({
			finish_reason: "stop",
			message: { content: "Scripted café ✅" },
		});
		expect(idsOf(reply)).toEqual([...(await vocabulary.encode("Scripted café ✅")), vocabulary.endOfTurnId]);
		const aborted = await chat(engine, PROMPT);
		expect(choiceOf(aborted).finish_reason).toBe("abort");
		expect(idsOf(aborted)).toEqual([...(await vocabulary.encode("cut off"))]);
	});

	it("replace the whole message, null content and all", async () => {
		await control.script({ message: { role: "assistant", content: null } });
		expect(choiceOf(await chat(engine, PROMPT)).message).toEqual({ role: "assistant", content: null });
	});

	it("go to the request whose header or body they name", async () => {
		await control.script(
			{ match: { header: { name: "x-smg-routing-key", value: "session-b" } }, status: 418, body: "b" },
			{ match: { body: '"marker-a"' }, status: 417, body: "a" },
			{ match: { path: "/health" }, status: 503, body: "sick" },
		);
		expect((await postJson(engine.url + CHAT, PROMPT)).status).toBe(200);
		expect((await postJson(engine.url + CHAT, { ...PROMPT, user: "marker-a" })).status).toBe(417);
		expect((await postJson(engine.url + CHAT, PROMPT, { "X-SMG-Routing-Key": "session-b" })).status).toBe(
			418,
		);
		expect((await fetch(`${engine.url}/health`)).status).toBe(503);
		expect((await fetch(`${engine.url}/health`)).status).toBe(200);
	});

	it("answer as many requests as scripted, until cleared", async () => {
		await control.script({ times: 2, status: 500, body: "" }, { times: 9, status: 501, body: "" });
		const statuses: number[] = [];
		for (let at = 0; at < 3; at++) statuses.push((await postJson(engine.url + CHAT, PROMPT)).status);
		await control.clearScript();
		statuses.push((await postJson(engine.url + CHAT, PROMPT)).status);
		expect(statuses).toEqual([500, 500, 501, 200]);
	});

	it("refuse a fault that does not exist", async () => {
		await expect(control.script({ fault: "melt" as "silence" })).rejects.toThrow(/unknown fault melt/);
	});

	it("take the time that the script says", async () => {
		await control.script({ latencyMs: 80 });
		const began = performance.now();
		await chat(engine, PROMPT);
		expect(performance.now() - began).toBeGreaterThan(75);
	});
});

describe("gates", () => {
	it("tell when a request has arrived and hold it until released", async () => {
		await control.script({ gate: "g", times: 2 });
		let answered = 0;
		const chats = [1, 2].map((id) => chat(engine, { input_ids: [id] }).then(() => answered++));
		expect(await control.arrivedAtGate("g", 2)).toEqual({ arrived: 2, held: 2, open: false });
		expect(answered).toBe(0);
		expect((await control.release("g", 1)).held).toBe(1);
		await Promise.race(chats);
		expect(answered).toBe(1);
		await control.release("g");
		await Promise.all(chats);
	});

	it("may be released before anyone arrives", async () => {
		await control.release("early", 1);
		await control.script({ gate: "early" });
		await chat(engine, PROMPT);
	});

	it("hold an answer with half of its body sent", async () => {
		await control.script({ gate: "half", gateAt: "inside" });
		const response = await postJson(engine.url + CHAT, PROMPT);
		expect(response.status).toBe(200);
		await control.arrivedAtGate("half");
		const text = response.text();
		await control.release("half");
		expect(JSON.parse(await text)).toHaveProperty("choices");
	});

	it("give up waiting at a labelled deadline", async () => {
		await expect(control.arrivedAtGate("nobody", 1, 20)).rejects.toThrow(/gate nobody: 0 of 1 arrived/);
		await expect(control.waitForCounter("generated", { atLeast: 1 }, 20)).rejects.toThrow(
			/generated stayed at 0/,
		);
	});
});

describe("faults", () => {
	it("reset-before: the connection is reset without a byte", async () => {
		await control.script({ fault: "reset-before" });
		const { bytes, end } = await rawChat(engine, PROMPT);
		expect([bytes.length, end]).toEqual([0, "reset"]);
	});

	it("reset-inside: headers and a part of the body, then a reset", async () => {
		await control.script({ fault: "reset-inside", faultAfterBytes: 40, gate: "reset", gateAt: "inside" });
		const { bytes, end } = await rawChat(engine, PROMPT, (socket) => {
			let received = "";
			socket.on("data", (chunk: Buffer) => {
				received += chunk.toString("latin1");
				if (/\r\n\r\n.{40}$/s.test(received)) void control.release("reset");
			});
		});
		const [head, body] = split(bytes);
		expect(end).toBe("reset");
		expect(body.length).toBe(40);
		expect(declared(head)).toBeGreaterThan(40);
	});

	it("truncate-length: fewer bytes than declared, then a clean close", async () => {
		await control.script({ fault: "truncate-length" });
		const { bytes, end } = await rawChat(engine, PROMPT);
		const [head, body] = split(bytes);
		expect(end).toBe("closed");
		expect(body.length).toBe(declared(head) >> 1);
	});

	it("truncate-close: no length, half a body, then a clean close", async () => {
		await control.script({ fault: "truncate-close" });
		const { bytes, end } = await rawChat(engine, PROMPT);
		const [head, body] = split(bytes);
		expect(end).toBe("closed");
		expect(head).not.toMatch(/content-length|transfer-encoding/i);
		expect(body.length).toBeGreaterThan(100);
		expect(() => JSON.parse(body.toString())).toThrow();
	});

	it("truncate-chunked: chunks without the last one", async () => {
		await control.script({ fault: "truncate-chunked", faultAfterBytes: 10 });
		const { bytes, end } = await rawChat(engine, PROMPT);
		const [head, body] = split(bytes);
		expect(end).toBe("closed");
		expect(head).toMatch(/transfer-encoding: chunked/);
		expect(body.toString()).toMatch(/^a\r\n.{10}\r\n$/s);
	});

	it("garbage: bytes that are not HTTP", async () => {
		await control.script({ fault: "garbage" });
		const { bytes } = await rawChat(engine, PROMPT);
		expect(bytes.length).toBeGreaterThan(0);
		expect(bytes.toString("latin1")).not.toMatch(/^HTTP/);
	});

	it("raw bytes go out as given", async () => {
		const raw = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}";
		await control.script({ rawBase64: Buffer.from(raw).toString("base64") });
		expect((await rawChat(engine, PROMPT)).bytes.toString()).toBe(raw);
	});

	it("silence: nothing until the client leaves, which counts as cancelled", async () => {
		await control.script({ fault: "silence" });
		const answer = await rawChat(engine, PROMPT, (socket) => {
			void control.waitForCounter("generated", { atLeast: 1 }).then(() => socket.destroy());
		});
		expect(answer.bytes.length).toBe(0);
		await control.waitForCounter("cancelled", { atLeast: 1 });
		expect(engine.counters()).toMatchObject({ cancelled: 1, inFlight: 0, started: 1 });
	});

	it("refuse: a closed listening socket refuses connections until it is opened again", async () => {
		await control.listen(false);
		expect((await rawChat(engine, PROMPT)).end).toBe("refused");
		await control.listen(true);
		await chat(engine, PROMPT);
	});

	it("idle connections are closed on request", async () => {
		const { hostname, port } = new URL(engine.url);
		const socket = connect(Number(port), hostname);
		const closed = new Promise((resolve) => socket.on("close", resolve));
		const first = new Promise((resolve) => socket.once("data", resolve));
		socket.write("GET /health HTTP/1.1\r\nHost: sim\r\n\r\n");
		await first;
		await control.closeConnections("idle");
		await closed;
	});

	it("count one started generation each, and no cancelled client", async () => {
		await control.script({ fault: "reset-before" }, { fault: "truncate-length" });
		await rawChat(engine, PROMPT);
		await rawChat(engine, PROMPT);
		await control.waitForCounter("faults", { atLeast: 2 });
		expect(engine.counters()).toMatchObject({
			arrivals: 2,
			started: 2,
			faults: 2,
			cancelled: 0,
			inFlight: 0,
		});
	});
});

describe("the log", () => {
	it("keeps raw header lines and the bytes of the body", async () => {
		await postJson(`${engine.url}${CHAT}?q=1`, { ...PROMPT, note: "é" }, { "X-SMG-Routing-Key": "k" });
		const requests = await control.requests();
		expect(requests).toHaveLength(1);
		expect(requests[0]).toMatchObject({ sequence: 1, method: "POST", target: `${CHAT}?q=1` });
		expect(requests[0]?.headerLines).toContain("X-SMG-Routing-Key: k");
		expect(requests[0]?.body.toString("utf8")).toBe(JSON.stringify({ ...PROMPT, note: "é" }));
		expect(await control.requests(1)).toEqual([]);
	});

	it("is emptied, with script, gates and totals, by a reset", async () => {
		await chat(engine, PROMPT);
		await control.script({ status: 500, body: "" });
		await control.reset();
		expect(await control.requests()).toEqual([]);
		expect(await control.counters()).toMatchObject({ arrivals: 0, generated: 0, answered: 0 });
		await chat(engine, PROMPT);
	});
});

it("the control plane is not reachable through the engine's port", async () => {
	for (const path of ["/counters", "/requests", "/gates/x"]) {
		expect((await fetch(engine.url + path)).status).toBe(404);
	}
});

function split(bytes: Buffer): [string, Buffer] {
	const at = bytes.indexOf("\r\n\r\n");
	return [bytes.subarray(0, at).toString("latin1"), bytes.subarray(at + 4)];
}

function declared(head: string): number {
	return Number(/content-length: (\d+)/i.exec(head)?.[1]);
}
