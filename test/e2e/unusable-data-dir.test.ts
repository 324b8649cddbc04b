// A data dir that can't be used any more below a running cluster: writes are refused with a code, nothing exits or hangs, no
// turn is answered that was not stored, and what can be read is read. Media need the right to mount, users the right to be another.
import { spawnSync } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { ServedCluster } from "../support/served-cluster.js";

type Message = { role: string; content: string };
interface Answer {
	status: number;
	code: string | undefined;
	body: { choices?: Array<{ message: Message }>; records?: unknown[]; error?: { code: string } };
}

const NOBODY = 65_534;
const isRoot = process.getuid?.() === 0;
const ASKED_MS = 10_000;

let root: string;
let cluster: ServedCluster | undefined;
let after: Array<() => void> = [];
beforeEach(() => {
	root = mkdtempSync(join(tmpdir(), "rollpin-unusable-"));
	chmodSync(root, 0o755);
});
afterEach(async () => {
	await cluster?.stop();
	cluster = undefined;
	for (const undo of after.reverse()) undo();
	after = [];
	rmSync(root, { recursive: true, force: true });
});

const sh = (command: string, ...args: string[]) => spawnSync(command, args, { encoding: "utf8" });

interface Served {
	ask(method: string, path: string, body?: object): Promise<Answer>;
	chat(id: string, messages: readonly Message[]): Promise<Answer>;
	recordsOf(id: string): Promise<number>;
}

async function serve(data: string, uid?: number): Promise<Served> {
	const flags = ["--port", "0", "--backends", "2", "--log-format", "json", "--data-dir", data];
	cluster = new ServedCluster(flags, { bare: true, ...(uid === undefined ? {} : { uid }) });
	const { url } = await cluster.ready();
	const ask: Served["ask"] = async (method, path, body) => {
		const reply = await fetch(`${url}${path}`, {
			method,
			signal: AbortSignal.timeout(ASKED_MS),
			...(body === undefined
				? {}
				: { headers: { "content-type": "application/json" }, body: JSON.stringify(body) }),
		});
		const text = await reply.text();
		const isJson = reply.headers.get("content-type")?.startsWith("application/json") === true;
		const parsed = (isJson ? JSON.parse(text) : {}) as Answer["body"];
		return { status: reply.status, code: parsed.error?.code, body: parsed };
	};
	return {
		ask,
		chat: (id, messages) =>
			ask("POST", `/sessions/${id}/v1/chat/completions`, { model: "m", max_tokens: 8, messages }),
		async recordsOf(id) {
			const { status, body } = await ask("GET", `/sessions/${id}`);
			expect(status).toBe(200);
			return body.records?.length ?? -1;
		},
	};
}

const user = (content: string): Message => ({ role: "user", content });

/** Two sessions with a turn each. */
async function talk({ chat }: Served): Promise<Message[]> {
	for (const id of ["kept", "gone"]) expect((await chat(id, [user("one")])).status).toBe(200);
	const first = await chat("going-on", [user("one")]);
	return [user("one"), first.body.choices?.[0]?.message as Message];
}

/** Every write, however it begins: what it says. Nothing hangs: each is asked for with a deadline. */
async function writes({ ask, chat }: Served, history: readonly Message[]): Promise<Record<string, Answer>> {
	return {
		create: await ask("POST", "/sessions", {}),
		first: await chat(`new-${Date.now()}`, [user("x")]),
		next: await chat("going-on", [...history, user("two")]),
		remove: await ask("DELETE", "/sessions/gone"),
	};
}

const told = (answers: Record<string, Answer>) =>
	Object.fromEntries(Object.entries(answers).map(([name, { status, code }]) => [name, `${status} ${code}`]));

const REFUSED = "503 store_unavailable";
const ALL_REFUSED = { create: REFUSED, first: REFUSED, next: REFUSED, remove: REFUSED };

async function expectAlive(): Promise<void> {
	expect(cluster?.all("worker_exit")).toEqual([]);
	expect(cluster?.child.exitCode).toBeNull();
	cluster?.signal("SIGTERM");
	expect(await cluster?.exited).toEqual({ code: 0, signal: null });
}

it("one that is removed refuses every write with 503 store_unavailable, and reads what it still has open", async () => {
	const data = join(root, "data");
	const served = await serve(data);
	const history = await talk(served);
	rmSync(data, { recursive: true });
	for (let tries = 0; tries < 2; tries++) expect(told(await writes(served, history))).toEqual(ALL_REFUSED);
	expect(await served.recordsOf("kept")).toBe(1);
	expect(await served.recordsOf("going-on")).toBe(1);
	expect((await served.ask("GET", "/health")).status).toBe(200);
	await expectAlive();
}, 60_000);

it("one of which the partitions alone are removed does the same, and its partitions are refused after a restart", async () => {
	const data = join(root, "data");
	const served = await serve(data);
	const history = await talk(served);
	rmSync(join(data, "partitions"), { recursive: true });
	expect(told(await writes(served, history))).toEqual(ALL_REFUSED);
	await expectAlive();
	const again = await serve(data);
	for (const answer of Object.values(await writes(again, history)))
		expect(answer.code).toBe("partition_refused");
	expect((await again.ask("GET", "/sessions/kept")).code).toBe("partition_refused");
}, 60_000);

it.skipIf(!isRoot)(
	"one whose rights are taken away (chmod 000) refuses what needs them, and goes on when they are back",
	async () => {
		chownSync(root, NOBODY, NOBODY);
		const data = join(root, "data");
		const served = await serve(data, NOBODY);
		let history = await talk(served);
		// Nothing of these was opened by this worker's life.
		const partitions = join(data, "partitions");
		const all = [data, partitions, ...readdirSync(partitions).map((name) => join(partitions, name))];
		for (const path of [...all].reverse()) chmodSync(path, 0);
		// The file of a session that goes on is open already.
		expect(told(await writes(served, history))).toEqual({
			...ALL_REFUSED,
			next: "200 undefined",
			remove: expect.anything(),
		});
		// A second later the medium is looked at again, which must end nobody.
		const second = await served.chat("going-on", [...history, user("two")]);
		history = [...history, user("two"), second.body.choices?.[0]?.message as Message];
		for (const path of all) chmodSync(path, 0o700);
		expect((await served.ask("POST", "/sessions", {})).status).toBe(200);
		expect((await served.chat("going-on", [...history, user("three")])).status).toBe(200);
		expect(await served.recordsOf("going-on")).toBe(3);
		await expectAlive();
	},
	60_000,
);

/** Null without the right, or the tools, to make one. */
function brittleMedium(): { path: string; fail: () => void } | null {
	const image = join(root, "image");
	const path = join(root, "medium");
	mkdirSync(path);
	writeFileSync(image, "");
	if (sh("truncate", "-s", "300M", image).status !== 0 || sh("mkfs.ext4", "-q", image).status !== 0)
		return null;
	if (sh("mount", "-o", "loop,errors=remount-ro", image, path).status !== 0) return null;
	after.push(() => sh("umount", "-l", path));
	const device = sh("findmnt", "-no", "SOURCE", path).stdout.trim().replace("/dev/", "");
	const trigger = `/sys/fs/ext4/${device}/trigger_fs_error`;
	return { path, fail: () => writeFileSync(trigger, "tried on purpose") };
}

it("one on a medium that the kernel makes read-only after an error refuses every write, and reads all", async (context) => {
	const medium = brittleMedium();
	if (medium === null) {
		process.stderr.write("skipped: no right to mount an ext4 image, so no medium that fails\n");
		context.skip();
		return;
	}
	const served = await serve(join(medium.path, "data"));
	const history = await talk(served);
	medium.fail();
	for (let tries = 0; tries < 2; tries++) expect(told(await writes(served, history))).toEqual(ALL_REFUSED);
	// One that is to be deleted is served no more, also while its removal fails.
	for (const id of ["kept", "going-on"]) expect(await served.recordsOf(id)).toBe(1);
	expect((await served.ask("POST", "/sessions/kept/samples", {})).status).toBe(200);
	const text = sh(process.execPath, "bin/rollpin.js", "fsck", "--data-dir", join(medium.path, "data"));
	expect(text.stdout).toMatch(/3 whole sessions, .*; 0 damaged, 0 harmed/);
	await expectAlive();
}, 60_000);
