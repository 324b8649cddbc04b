// `rollpin export` beside a running cluster, after it, and after a crash: what it writes is what the cluster answers.
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { runRollpin } from "../support/run-rollpin.js";
import { allGone, ServedCluster } from "../support/served-cluster.js";
import { within } from "../support/wait.js";

let dir: string;
let clusters: ServedCluster[];
beforeEach(() => {
	dir = mkdtempSync(join(tmpdir(), "rollpin-export-"));
	clusters = [];
});
afterEach(async () => {
	for (const cluster of clusters) await cluster.stop();
	rmSync(dir, { recursive: true, force: true });
});

const data = () => join(dir, "data");

function serve(...flags: string[]): ServedCluster {
	const fixed = ["--port", "0", "--log-format", "json", "--data-dir", data(), "--backends", "2"];
	const cluster = new ServedCluster([...fixed, "--tito-model", "qwen3", ...flags], { bare: true });
	clusters.push(cluster);
	return cluster;
}

const exported = (format: string, ...flags: string[]) =>
	runRollpin(["export", "--data-dir", data(), "--format", format, ...flags]);

interface Message {
	role: string;
	content: string;
}

async function chat(url: string, id: string, messages: Message[]): Promise<Message> {
	const reply = await fetch(`${url}/sessions/${id}/v1/chat/completions`, {
		method: "POST",
		headers: { "content-type": "application/json" },
		// Spaces and line breaks as a client may send them: they are kept in records, and must not break a line.
		body: JSON.stringify({ messages, max_tokens: 12 }, null, "\t"),
	});
	if (reply.status !== 200) throw new Error(`chat answered ${reply.status}: ${await reply.text()}`);
	return ((await reply.json()) as { choices: [{ message: Message }] }).choices[0].message;
}

async function converse(url: string, id: string, turns: number): Promise<void> {
	const messages: Message[] = [];
	for (let turn = 0; turn < turns; turn++) {
		messages.push({ role: "user", content: `question ${turn} of ${id}` });
		messages.push(await chat(url, id, messages));
	}
}

const bytesOf = async (url: string, init?: RequestInit) =>
	Buffer.from(await (await fetch(url, init)).arrayBuffer());

/** Name, size and content of everything in the data dir that is no reader table. */
function dataDirState(): string[] {
	return readdirSync(data(), { recursive: true, encoding: "utf8" })
		.filter((name) => !name.endsWith("-lock") && statSync(join(data(), name)).isFile())
		.map((name) => `${name} ${readFileSync(join(data(), name)).toString("base64")}`)
		.sort();
}

interface Exported {
	session_id: string;
	records: Array<Record<string, unknown>>;
}

test("what is exported beside a running cluster, and after it, is what GET and POST samples answered", async () => {
	const cluster = serve();
	const { url, childPids } = await cluster.ready();
	const ids = ["own-1", "own-2", "own-3"];
	for (const [index, id] of ids.entries()) await converse(url, id, index + 1);
	const read = new Map<string, Buffer>();
	const samples = new Map<string, Buffer>();
	for (const id of ids) {
		read.set(id, await bytesOf(`${url}/sessions/${id}`));
		samples.set(id, await bytesOf(`${url}/sessions/${id}/samples`, { method: "POST" }));
	}
	const check = async (when: string) => {
		const out = join(dir, when);
		const before = dataDirState();
		for (const format of ["records", "samples"]) {
			const { code, stderr } = await exported(format, "--out", out);
			expect(stderr).toMatch(/^exported 3 sessions \(6 turns, /);
			expect(code).toBe(0);
		}
		const lines = await exported("jsonl");
		expect(dataDirState()).toEqual(before);
		expect(readdirSync(out)).toHaveLength(6);
		const expectedLines: unknown[] = [];
		for (const id of ids) {
			expect(readFileSync(join(out, `${id}.json`)).equals(read.get(id) as Buffer)).toBe(true);
			expect(readFileSync(join(out, `${id}.safetensors`)).equals(samples.get(id) as Buffer)).toBe(true);
			const { records } = JSON.parse(String(read.get(id))) as Exported;
			expectedLines.push(...records.map((record) => ({ session_id: id, ...record })));
		}
		const found = lines.stdout
			.trimEnd()
			.split("\n")
			.map((line) => JSON.parse(line) as unknown);
		expect(found).toHaveLength(6);
		expect(found).toEqual(expect.arrayContaining(expectedLines));
	};
	await check("running");
	// It serves on as before: nothing was taken over.
	await converse(url, "own-4", 1);
	expect((await fetch(`${url}/sessions/own-4`, { method: "DELETE" })).status).toBe(204);
	cluster.signal("SIGTERM");
	await within("the end of the cluster", 20_000, cluster.exited);
	await allGone(childPids, 5_000);
	await check("stopped");
	const buried = await exported("records", "--session", "own-4", "--out", join(dir, "none"));
	expect([buried.code, buried.stderr]).toEqual([
		1,
		"rollpin: session own-4 can't be exported: it was deleted\n",
	]);
}, 60_000);

test("while chats run and sessions go, every exported session is whole and a prefix of what it became", async () => {
	const cluster = serve();
	const { url } = await cluster.ready();
	const ids = Array.from({ length: 6 }, (_, index) => `busy-${index}`);
	let stop = false;
	const failures: unknown[] = [];
	const chats = ids.map(async (id) => {
		const messages: Message[] = [];
		for (let turn = 0; !stop; turn++) {
			messages.push({ role: "user", content: `question ${turn}` });
			messages.push(await chat(url, id, messages));
		}
	});
	const churn = (async () => {
		for (let round = 0; !stop; round++) {
			await converse(url, `brief-${round}`, 1);
			await fetch(`${url}/sessions/brief-${round}`, { method: "DELETE" });
		}
	})();
	for (const running of [...chats, churn]) running.catch((error: unknown) => failures.push(error));
	await converse(url, "first", 1);
	const snapshots: Exported[] = [];
	for (let round = 0; round < 3; round++) {
		const out = join(dir, `round-${round}`);
		const { code, stderr } = await exported("records", "--out", out);
		expect([code, stderr.split("\n").filter((line) => !/deleted meanwhile|^exported/.test(line))]).toEqual([
			0,
			[""],
		]);
		for (const name of readdirSync(out)) {
			snapshots.push(JSON.parse(readFileSync(join(out, name), "utf8")) as Exported);
		}
	}
	stop = true;
	await within("the last chats", 20_000, Promise.all([...chats, churn]));
	expect(failures).toEqual([]);
	expect(snapshots.length).toBeGreaterThanOrEqual(3 * (ids.length + 1));
	for (const { session_id, records } of snapshots) {
		if (session_id.startsWith("brief-")) continue;
		const final = JSON.parse(String(await bytesOf(`${url}/sessions/${session_id}`))) as Exported;
		expect(records).toEqual(final.records.slice(0, records.length));
	}
}, 60_000);

test("after kill -9 of everything the export has every acknowledged turn, and the next start still has them too", async () => {
	const cluster = serve();
	const { url, childPids } = await cluster.ready();
	const acknowledged = new Map<string, string>();
	const running = Array.from({ length: 4 }, async (_, index) => {
		const messages: Message[] = [];
		for (let turn = 0; ; turn++) {
			messages.push({ role: "user", content: `question ${turn}` });
			messages.push(await chat(url, `job-${index}`, messages));
			acknowledged.set(`job-${index}`, JSON.stringify(messages));
			if (turn === 9 && index === 0) cluster.signalGroup("SIGKILL");
		}
	});
	await within("the chats to be cut off", 20_000, Promise.allSettled(running));
	await allGone(childPids, 5_000);
	const out = join(dir, "crashed");
	expect((await exported("records", "--out", out)).code).toBe(0);
	const again = serve();
	const { url: newUrl } = await again.ready();
	expect(acknowledged.size).toBe(4);
	for (const [id, text] of acknowledged) {
		const file = readFileSync(join(out, `${id}.json`));
		const messages = JSON.parse(text) as Message[];
		const { records } = JSON.parse(String(file)) as {
			records: Array<{ request: { messages: Message[] }; response: { choices: [{ message: Message }] } }>;
		};
		const kept = records[messages.length / 2 - 1];
		expect([...(kept?.request.messages ?? []), kept?.response.choices[0].message]).toEqual(messages);
		expect((await bytesOf(`${newUrl}/sessions/${id}`)).equals(file)).toBe(true);
	}
}, 60_000);

test("what can't work is one line with the remedy", async () => {
	const absent = await runRollpin(["export", "--data-dir", join(dir, "none")]);
	expect([absent.code, absent.stderr]).toEqual([2, expect.stringMatching(/^rollpin: --data-dir: .*\n$/)]);
	const stdout = await exported("samples", "--out", "-");
	expect([stdout.code, stdout.stderr]).toEqual([
		2,
		"rollpin: --out -: --format samples makes a file for each session; name a directory\n",
	]);
	const id = await exported("jsonl", "--session", ".hidden");
	expect([id.code, id.stderr]).toEqual([
		2,
		expect.stringMatching(/^rollpin: --session .*must be a session id/),
	]);
});

test("rollpin verify tells a family that fits the template from one that does not", async () => {
	const fits = serve();
	const { url } = await fits.ready();
	const good = await runRollpin(["verify", "--url", url]);
	expect(good.stdout).toContain("every recorded token is what was sent and sampled");
	expect(good.stdout).not.toContain("PROBLEM");
	expect(good.code).toBe(0);
	expect(((await (await fetch(`${url}/sessions`)).json()) as { sessions: unknown[] }).sessions).toEqual([]);
	await fits.stop();
	const other = new ServedCluster(["--tito-model", "default"]);
	clusters.push(other);
	const bad = await runRollpin(["verify", "--url", (await other.ready()).url]);
	expect(bad.stdout).toContain("PROBLEM mismatch special_token_count");
	expect(bad.code).toBe(1);
}, 60_000);

test("--superseded exports what a retry took the place of, as GET ?superseded=true has it", async () => {
	const cluster = serve();
	const { url } = await cluster.ready();
	await chat(url, "own-1", [{ role: "user", content: "first try" }]);
	await chat(url, "own-1", [{ role: "user", content: "second try" }]);
	const read = await bytesOf(`${url}/sessions/own-1?superseded=true`);
	const out = join(dir, "superseded");
	expect((await exported("records", "--superseded", "--out", out)).code).toBe(0);
	expect(readFileSync(join(out, "own-1.json")).equals(read)).toBe(true);
	const { records, superseded } = JSON.parse(String(read)) as Exported & { superseded: object[] };
	expect([records.length, superseded.length]).toEqual([1, 1]);
	const lines = (await exported("jsonl", "--superseded")).stdout.trimEnd().split("\n");
	expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual(
		[...records, ...superseded].map((record) => ({ session_id: "own-1", ...record })),
	);
});
