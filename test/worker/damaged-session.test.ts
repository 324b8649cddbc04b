// A session whose file was damaged while nobody ran: refused on every route, beside others, until it is deleted or over.
import {
	mkdtempSync,
	readdirSync,
	readFileSync,
	rmSync,
	statSync,
	truncateSync,
	writeFileSync,
} from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { systemClock } from "../../src/base/clock.js";
import type { SessionId } from "../../src/base/ids.js";
import { partitionOf } from "../../src/base/partitions.js";
import { createDiskDir, type DiskDir } from "../support/disk-dir.js";
import { type Reply, startRig, type WorkerRig } from "../support/worker-rig.js";

let dir: DiskDir;
let rig: WorkerRig;
let aheadS = 0;
const clock = {
	nowS: () => systemClock.nowS() + aheadS,
	monotonicMs: () => systemClock.monotonicMs() + aheadS * 1000,
};
beforeAll(async () => {
	dir = await createDiskDir();
	rig = await startRig({ sessionTtlS: 1000 }, () => dir.open(), undefined, clock);
});
afterAll(async () => {
	await rig.close();
	await dir.remove();
});

const path = (id: string) =>
	dir.sessionFiles(partitionOf(id as SessionId)).find((name) => name.includes(`/${id}.`)) ?? "";
const said = ({ status, json }: Reply) => [status, json.error?.code];

async function play(id: string, turns: number, first = "turn 0"): Promise<unknown[]> {
	const messages: unknown[] = [];
	for (let turn = 0; turn < turns; turn++) {
		messages.push({ role: "user", content: turn === 0 ? first : `turn ${turn}` });
		const reply = await rig.chat(id, { model: "m", max_tokens: 8, messages });
		expect(reply.status).toBe(200);
		messages.push(reply.json.choices[0]?.message);
	}
	return [...messages, { role: "user", content: "more" }];
}

/** As it comes over the wire. */
async function rawGet(id: string): Promise<string> {
	const socket = connect(rig.socketPath());
	socket.write(`GET /sessions/${id} HTTP/1.1\r\nhost: worker\r\nconnection: close\r\n\r\n`);
	const pieces: Buffer[] = [];
	for await (const piece of socket) pieces.push(piece as Buffer);
	return Buffer.concat(pieces).toString("latin1");
}

const flipInAnAnswer = (file: string) => {
	const content = readFileSync(file);
	const at = content.indexOf('"assistant"');
	expect(at).toBeGreaterThan(0);
	content.writeUInt8(content.readUInt8(at) ^ 1, at);
	writeFileSync(file, content);
};

test.each([
	["cut by a byte", (file: string) => truncateSync(file, statSync(file).size - 1)],
	["emptied", (file: string) => truncateSync(file, 0)],
	["changed in a bit", flipInAnAnswer],
] as const)(
	"(its file was %s) is refused by chat, reads and samples; DELETE takes it away",
	async (what, harm) => {
		const [id, other] = [await rig.create(), await rig.create()];
		const next = await play(id, 3);
		const othersNext = await play(other, 2);
		await rig.restart();
		await rig.store.close();
		const file = path(id);
		harm(file);
		await rig.restart();
		expect(said(await rig.request("GET", `/sessions/${id}`)), what).toEqual([500, "store_damaged"]);
		expect(said(await rig.chat(id, { model: "m", messages: next }))).toEqual([500, "store_damaged"]);
		expect(said(await rig.chat(id, { model: "m", messages: next.slice(-1) }))).toEqual([
			500,
			"store_damaged",
		]);
		expect(said(await rig.request("POST", `/sessions/${id}/samples`, {}))).toEqual([500, "store_damaged"]);
		expect((await rig.chat(other, { model: "m", max_tokens: 8, messages: othersNext })).status).toBe(200);
		expect((await rig.request("DELETE", `/sessions/${id}`)).status).toBe(204);
		expect(said(await rig.request("GET", `/sessions/${id}`))).toEqual([404, "session_deleted"]);
		expect(path(id)).toBe("");
	},
);

test("ends at its deadline by itself, as long as its slots can be read", async () => {
	const id = await rig.create();
	await play(id, 3);
	await rig.store.close();
	truncateSync(path(id), statSync(path(id)).size - 1);
	await rig.restart();
	expect(said(await rig.request("GET", `/sessions/${id}`))).toEqual([500, "store_damaged"]);
	await rig.worker.drain(0);
	aheadS = 2000;
	await rig.restart();
	expect(said(await rig.request("GET", `/sessions/${id}`))).toEqual([404, "session_expired"]);
	expect(path(id)).toBe("");
});

describe("with --evict-dump", () => {
	let dumps: string;
	beforeAll(async () => {
		dumps = mkdtempSync(join(tmpdir(), "rollpin-dump-"));
		await rig.close();
		aheadS = 0;
		rig = await startRig({ sessionTtlS: 1000, evictDumpDir: dumps }, () => dir.open(), undefined, clock);
	});
	afterAll(() => rmSync(dumps, { recursive: true }));

	test.each([
		["found at the start", true],
		["found by the dump", false],
	])(
		"a damaged session (%s) ends at its deadline all the same, and the log says that it was not kept",
		async (_, atStart) => {
			const id = await rig.create();
			await play(id, 3);
			await rig.restart();
			await rig.store.close();
			if (atStart) truncateSync(path(id), statSync(path(id)).size - 1);
			else flipInAnAnswer(path(id));
			await rig.restart();
			expect((await rig.figures()).sessions_damaged).toBe(atStart ? 1 : 0);
			await rig.worker.drain(0);
			rig.events.length = 0;
			aheadS += 2000;
			await rig.restart();
			expect(said(await rig.request("GET", `/sessions/${id}`))).toEqual([404, "session_expired"]);
			expect(path(id)).toBe("");
			const told = rig.events.filter(({ event }) => event === "session_not_dumped");
			expect(told.map(({ fields }) => fields.session_id)).toEqual([id]);
			expect(readdirSync(dumps)).toEqual([]);
			expect((await rig.figures()).sessions_damaged).toBe(0);
		},
	);
});

describe("GET of a session whose file was damaged while it is served", () => {
	test("is a 500 when the damage is met within the first 64 KiB, however the client reads", async () => {
		const id = await rig.create();
		await play(id, 3);
		flipInAnAnswer(path(id));
		const raw = await rawGet(id);
		expect(raw).toMatch(/^HTTP\/1\.1 500 /);
		expect(said(await rig.request("GET", `/sessions/${id}`))).toEqual([500, "store_damaged"]);
		expect((await rig.figures()).sessions_damaged).toBe(1);
		await rig.request("DELETE", `/sessions/${id}`);
		expect((await rig.figures()).sessions_damaged).toBe(0);
	});

	test("is broken off when it is met later: the last chunk never comes, and no client takes it for whole", async () => {
		const id = await rig.create();
		await play(id, 3, "a long one ".repeat(20_000));
		const whole = await rawGet(id);
		expect(whole.endsWith("\r\n0\r\n\r\n")).toBe(true);
		const file = path(id);
		const content = readFileSync(file);
		const at = content.lastIndexOf('"assistant"');
		content.writeUInt8(content.readUInt8(at) ^ 1, at);
		writeFileSync(file, content);
		const raw = await rawGet(id);
		expect(raw).toMatch(/^HTTP\/1\.1 200 /);
		expect(raw.length).toBeGreaterThan(64 * 1024);
		expect(raw.endsWith("\r\n0\r\n\r\n")).toBe(false);
		expect(said(await rig.request("GET", `/sessions/${id}`))).toEqual([500, "store_damaged"]);
		await rig.request("DELETE", `/sessions/${id}`);
	});
});
