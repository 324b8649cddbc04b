// An engine that sends whatever payloads it likes: every record is, byte for byte, the reply that it sent.
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createDiskDir, type DiskDir } from "../support/disk-dir.js";
import { startRig, type WorkerRig } from "../support/worker-rig.js";

/** Numbers that depend on the seed alone. */
class Dice {
	#state: number;

	constructor(seed: number) {
		this.#state = seed;
	}

	below(bound: number): number {
		this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223) >>> 0;
		return Math.floor((this.#state / 2 ** 32) * bound);
	}

	one<T>(choices: readonly T[]): T {
		return choices[this.below(choices.length)] as T;
	}

	text(length: number): string {
		const unit = Array.from({ length: 64 }, () => this.one([..."ABCDEFabcdef0123456789+/"])).join("");
		return unit.repeat(Math.ceil(length / 64)).slice(0, length);
	}
}

/** A payload's JSON text, most often much like the one before it. */
function payload(dice: Dice, before: string | undefined): string {
	const last = before?.startsWith('"') ? before.slice(1, -1) : "";
	const at = dice.below(last.length + 1);
	const content = dice.one([
		() => last,
		() => last + dice.text(dice.below(60_000)),
		() => last + dice.text(dice.below(60_000)),
		() => last + dice.text(dice.below(600_000)),
		() => last.slice(0, at),
		() => `${last.slice(0, at)}Z${last.slice(at + 1)}`,
		() => `${last.slice(0, at)}${dice.one(["\\/", '\\"', "\\u0041", "é", "\\\\"])}${last.slice(at)}`,
		() => dice.text(dice.below(100_000)),
		() => "",
	])();
	// A cut may have left half an escape.
	return !isString(`"${content}"`) ? '"QUJD"' : `"${content}"`;
}

function isString(text: string): boolean {
	try {
		return typeof JSON.parse(text) === "string";
	} catch {
		return false;
	}
}

let server: Server;
let url: string;
let dice: Dice;
let dir: DiskDir;
let rig: WorkerRig;
/** Replies in the order of their ids. */
let replies: Map<string, string>;
let finish: string;
let sent: number;
/** Fields by session, as sent last. */
let last: Map<string, { routed?: string; indexer?: string }>;

beforeEach(async () => {
	[replies, last, finish, sent] = [new Map(), new Map(), "stop", 0];
	dir = await createDiskDir();
	server = createServer(async (request, response) => {
		const chunks: Buffer[] = [];
		for await (const chunk of request) chunks.push(chunk as Buffer);
		const body = JSON.parse(Buffer.concat(chunks).toString()) as { input_ids: number[] };
		const key = String(request.headers["x-smg-routing-key"] ?? "");
		const before = last.get(key) ?? {};
		const routed =
			dice.below(12) === 0
				? dice.one(["null", undefined, "[[0,1], [2]]", '{"a":[1]}', "7"])
				: payload(dice, before.routed);
		const indexer = dice.below(2) === 0 ? undefined : payload(dice, before.indexer);
		last.set(key, {
			...(routed === undefined ? {} : { routed }),
			...(indexer === undefined ? {} : { indexer }),
		});
		const fields = [
			...(routed === undefined ? [] : [`"routed_experts":${routed}`]),
			...(indexer === undefined ? [] : [`"indexer_topk": ${indexer}`]),
		];
		if (dice.below(3) === 0) fields.reverse();
		const id = `r-${++sent}`;
		const counts = [`"prompt_tokens":${body.input_ids.length}`, '"completion_tokens":1'];
		const meta = ['"output_token_logprobs":[[-0.5,7,null]]', ...counts, ...fields];
		if (dice.below(2) === 0) meta.reverse();
		const text =
			`{"id":"${id}","choices":[{"index":0,"meta_info":{${meta.join(",")}},"message":{"role":"assistant",` +
			`"content":"answer ${id}"},"prompt_token_ids":[${body.input_ids.join(",")}],"finish_reason":"${finish}"}]}`;
		replies.set(id, text);
		const bytes = Buffer.from(text);
		response.setHeader("content-type", "application/json");
		for (let at = 0; at < bytes.length; ) {
			const length = 1 + dice.below(dice.one([10, 3000, 70_000, 400_000]));
			if (!response.write(bytes.subarray(at, at + length))) {
				await new Promise((resolve) => response.once("drain", resolve));
			}
			at += length;
			if (dice.below(6) === 0) await new Promise((resolve) => setImmediate(resolve));
		}
		response.end();
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
	await rig.close();
	await dir.remove();
	await new Promise<void>((resolve) => server.close(() => resolve()));
});

/** The records' responses are, in order, what the engine sent under those ids. */
async function expectRecords(id: string, sentIds: readonly string[]): Promise<void> {
	const { status, text } = await rig.request("GET", `/sessions/${id}`);
	expect(status).toBe(200);
	let from = 0;
	for (const sentId of sentIds) {
		const whole = `"response":${replies.get(sentId)},"status_code":200`;
		const at = text.indexOf(`"response":{"id":"${sentId}"`, from);
		expect(at, `${sentId} of ${sentIds.join(" ")}`).toBeGreaterThan(-1);
		expect(text.startsWith(whole, at), `${sentId} as it was sent`).toBe(true);
		from = at + whole.length;
	}
	expect(text.split('"response":{"id":').length - 1).toBe(sentIds.length);
}

it.each([
	["linear", 11],
	["linear", 12],
	["tree", 13],
	["tree", 14],
] as const)(
	"%s sessions side by side, with retries, aborts and restarts (seed %i)",
	async (mode, seed) => {
		dice = new Dice(seed);
		rig = await startRig({ mode, r3: "full", upstream: url }, () => dir.open());
		const play = async (name: string): Promise<void> => {
			let history: object[] = [];
			let ids: string[] = [];
			for (let turn = 0; turn < 14; turn++) {
				const retry = ids.length > 1 && dice.below(5) === 0;
				if (retry) {
					history = history.slice(0, -2);
					ids = ids.slice(0, -1);
				}
				const messages = [...history, { role: "user", content: `question ${turn}` }];
				const reply = await rig.chat(name, { model: "m", messages });
				expect(reply.status, reply.text).toBe(200);
				const { id, choices } = reply.json as unknown as { id: string; choices: Array<{ message: object }> };
				history = [...messages, choices[0]?.message as object];
				ids = [...ids, id];
				if (dice.below(4) === 0) await expectRecords(name, ids);
			}
			await expectRecords(name, ids);
			finish = "abort";
			const aborted = await rig.chat(name, {
				model: "m",
				messages: [...history, { role: "user", content: "last" }],
			});
			finish = "stop";
			expect(aborted.headers["x-sglang-aborted"]).toBe("1");
			await expectRecords(name, [...ids, (aborted.json as unknown as { id: string }).id]);
			ended.set(name, ids);
		};
		const ended = new Map<string, string[]>();
		await play("alone");
		await Promise.all(["one", "two", "three"].map(async (name) => playWithoutAbort(name, ended)));
		await rig.restart();
		for (const name of ["one", "two", "three"]) await expectRecords(name, ended.get(name) ?? []);

		async function playWithoutAbort(name: string, done: Map<string, string[]>): Promise<void> {
			const history: object[] = [];
			const ids: string[] = [];
			for (let turn = 0; turn < 10; turn++) {
				history.push({ role: "user", content: `question ${turn} of ${name}` });
				const reply = await rig.chat(name, { model: "m", messages: history });
				expect(reply.status, reply.text).toBe(200);
				const { id, choices } = reply.json as unknown as { id: string; choices: Array<{ message: object }> };
				history.push(choices[0]?.message as object);
				ids.push(id);
			}
			done.set(name, ids);
			await expectRecords(name, ids);
		}
	},
	60_000,
);
