// SIGHUP and SIGUSR2 to a real cluster: settings, token and log file are read anew, and what can't be changes nothing.
import { execFileSync, spawn } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { open as openFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { startSimEngine } from "../../src/sim/server.js";
import { isRunning, type LogRecord } from "../support/cluster-process.js";
import { REPOSITORY } from "../support/run-rollpin.js";
import { ServedCluster } from "../support/served-cluster.js";
import { until, within } from "../support/wait.js";
import { TOY_CHECKPOINT } from "../support/worker-rig.js";

let dir: string;
let cluster: ServedCluster | undefined;
const cleanups: Array<() => unknown> = [];
beforeEach(() => {
	dir = mkdtempSync(join(tmpdir(), "rollpin-signals-"));
});
afterEach(async () => {
	await cluster?.stop();
	cluster = undefined;
	for (const cleanup of cleanups.splice(0)) await cleanup();
	rmSync(dir, { recursive: true, force: true });
});

const settingsFile = () => join(dir, "rollpin.json");
const tokenFile = () => join(dir, "token");
const write = (settings: object) => writeFileSync(settingsFile(), JSON.stringify(settings));

function serve(settings: object, ...args: string[]): ServedCluster {
	write(settings);
	const flags = ["--port", "0", "--backends", "2", "--log-format", "json", "--data-dir", join(dir, "data")];
	cluster = new ServedCluster([...flags, "--config", settingsFile(), ...args], { bare: true });
	return cluster;
}

interface Answer {
	status: number;
	code: string | undefined;
	json: Record<string, unknown>;
}
async function call(url: string, path: string, body?: object, token?: string): Promise<Answer> {
	const reply = await fetch(url + path, {
		method: body === undefined ? "GET" : "POST",
		headers: {
			"content-type": "application/json",
			...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
		},
		body: body === undefined ? null : JSON.stringify(body),
	});
	const json = (await reply.json()) as Answer["json"];
	return { status: reply.status, code: (json["error"] as { code: string } | undefined)?.code, json };
}
const chat = (url: string, id: string, token?: string, messages = 1) =>
	call(
		url,
		`/sessions/${id}/v1/chat/completions`,
		{
			model: "m",
			max_tokens: 4,
			messages: Array.from({ length: messages }, (_, index) => ({ role: "user", content: `${index}` })),
		},
		token,
	);

/** Sends the signal and waits for what is said of it. */
async function signal(
	it: ServedCluster,
	name: "SIGHUP" | "SIGUSR2",
	answer: "reloaded" | "reload_refused",
): Promise<LogRecord> {
	const before = it.all(answer).length;
	it.signal(name);
	return until(`a record ${answer}`, 10_000, () => it.all(answer)[before]);
}
/** Of sessions of both workers. */
const IDS = ["a", "b", "c", "d"];
/** A process takes a reload over when its message has come: before that it answers by the old settings. */
const soon = (what: string, check: () => Promise<boolean>) => until(what, 10_000, check);

describe("SIGHUP", () => {
	test("rotates the token; chats that run are not touched, and no process is replaced", async () => {
		writeFileSync(tokenFile(), "old");
		const it = serve({ auth_token_file: tokenFile() });
		const { url, childPids } = await it.ready();
		await it.sim.script({ gate: "held" });
		const running = chat(url, "held", "old");
		await it.sim.arrivedAtGate("held");
		writeFileSync(tokenFile(), "new");
		expect(await signal(it, "SIGHUP", "reloaded")).toMatchObject({
			level: "info",
			changed: ["auth_token_file"],
		});
		await soon("the new token", async () => (await chat(url, "a", "new")).status === 200);
		expect((await chat(url, "a", "old")).status).toBe(401);
		await it.sim.release("held");
		expect((await running).status).toBe(200);
		expect(childPids.every(isRunning)).toBe(true);
		expect(JSON.stringify(it.records)).not.toMatch(/"(old|new)"/);
	}, 60_000);

	test("changes limits, lifetimes, matcher and log level in every process, and names what needs a restart", async () => {
		const it = serve({ max_messages: 5, session_ttl: 1000, session_idle_ttl: 0 });
		const { url } = await it.ready();
		for (const id of IDS) expect((await chat(url, id, undefined, 3)).status).toBe(200);
		const next = {
			max_messages: 2,
			session_ttl: 500,
			max_body_mib: 0.01,
			message_matcher: "strict",
			log_level: "debug",
			mode: "tree",
			heartbeat_interval: 60,
		};
		write({ ...next, session_idle_ttl: 0 });
		const { changed } = await signal(it, "SIGHUP", "reloaded");
		expect((changed as string[]).sort()).toEqual([
			"log_level",
			"max_body_mib",
			"max_messages",
			"message_matcher",
			"session_ttl",
		]);
		expect(await it.event("restart_needed")).toMatchObject({
			level: "warn",
			settings: ["mode", "heartbeat_interval"],
		});
		for (const id of IDS)
			await soon("the new limit", async () => (await chat(url, `${id}1`, undefined, 3)).status === 413);
		// By the router.
		await soon(
			"the router's limit",
			async () =>
				(await call(url, "/sessions/x/v1/chat/completions", { pad: "x".repeat(11_000) })).code ===
				"body_too_large",
		);
		const made = (await call(url, "/sessions", {})).json;
		expect(Number(made["expires_at"]) - Number(made["created_at"] ?? Date.now() / 1000)).toBeLessThan(510);
		expect((await call(url, `/sessions/${made["session_id"]}`)).json["session"]).toMatchObject({
			message_matcher: "strict",
		});
		// A worker that comes later has them too.
		const worker = it.all("worker_ready")[0]?.["worker_pid"];
		process.kill(Number(worker), "SIGKILL");
		await it.event("worker_ready", 20_000, ({ epoch }) => epoch === 2);
		for (const id of IDS)
			await soon("the limit", async () => (await chat(url, `${id}2`, undefined, 3)).status === 413);
		write({ ...next, mode: "linear", heartbeat_interval: 30, session_idle_ttl: 1, max_messages: 5 });
		expect(await signal(it, "SIGHUP", "reloaded")).toMatchObject({
			changed: ["session_idle_ttl", "max_messages"],
		});
		// Their deadline was hours away: each is looked at again.
		await until("the idle sessions' end", 15_000, () =>
			IDS.every((id) => it.all("session_reaped").some((one) => one["session_id"] === id)),
		);
		expect(it.all("restart_needed")).toHaveLength(1);
	}, 90_000);

	test("moves chats to another engine; what runs on the old one ends there", async () => {
		const engines = await Promise.all([1, 2].map(() => startSimEngine({ checkpointDir: TOY_CHECKPOINT })));
		cleanups.push(() => Promise.all(engines.map((engine) => engine.close())));
		const [one, two] = engines as [(typeof engines)[0], (typeof engines)[0]];
		const at = { checkpoint: TOY_CHECKPOINT, tito_model: "qwen3" };
		const it = serve({ ...at, upstream: one.url });
		const { url } = await it.ready();
		const { SimControl } = await import("../../src/sim/control/control-client.js");
		const [oldEngine, newEngine] = [new SimControl(one.controlUrl), new SimControl(two.controlUrl)];
		await oldEngine.script({ gate: "held" });
		const running = chat(url, "held");
		await oldEngine.arrivedAtGate("held");
		write({ ...at, upstream: two.url });
		expect(await signal(it, "SIGHUP", "reloaded")).toMatchObject({ changed: ["upstream"] });
		const seen = async (engine: typeof newEngine) =>
			(await engine.requests()).filter(({ target }) => target.startsWith("/v1/chat/completions")).length;
		for (const id of IDS) {
			await soon("the new engine", async () => {
				const before = await seen(newEngine);
				expect((await chat(url, id)).status).toBe(200);
				return (await seen(newEngine)) > before;
			});
		}
		await oldEngine.release("held");
		expect((await running).status).toBe(200);
		expect((await call(url, "/cluster")).json).toMatchObject({ upstream: two.url });
		expect(it.all("engine_release").some(({ url: of }) => of === two.url)).toBe(true);
	}, 60_000);

	test("with settings that could not start a cluster changes nothing, in one line", async () => {
		writeFileSync(tokenFile(), "old");
		const it = serve({ auth_token_file: tokenFile(), max_messages: 2 });
		const { url, childPids } = await it.ready();
		for (const [text, reason] of [
			['{"max_messages": 0}', /^max_messages in rollpin.json 0: must be/],
			["{", /not usable JSON/],
			[null, /^--config .*: cannot be read/],
		] as const) {
			if (text === null) rmSync(settingsFile());
			else writeFileSync(settingsFile(), text);
			const refused = await signal(it, "SIGHUP", "reload_refused");
			expect(refused).toMatchObject({ level: "warn", reason: expect.stringMatching(reason) });
			expect(refused["reason"]).not.toContain("\n");
		}
		// The same before workers are replaced: none is.
		await signal(it, "SIGUSR2", "reload_refused");
		expect(it.all("reload_started")).toEqual([]);
		expect((await chat(url, "a", "old", 2)).status).toBe(200);
		expect((await chat(url, "b", "old", 3)).status).toBe(413);
		expect(childPids.every(isRunning)).toBe(true);
	}, 60_000);

	test("opens the log file anew: a renamed one gets nothing more, and every record is in one of the two", async () => {
		const log = join(dir, "rollpin.log");
		const records = (path: string): LogRecord[] =>
			existsSync(path)
				? readFileSync(path, "utf8")
						.split("\n")
						.slice(0, -1)
						.map((line) => JSON.parse(line) as LogRecord)
				: [];
		const it = serve({}, "--log-file", log);
		const { url } = await until("readiness", 20_000, () =>
			records(log).find(({ event }) => event === "cluster_ready"),
		);
		const { pid } = records(log)[0] as { pid: number };
		let over = false;
		const load = (async () => {
			let count = 0;
			for (; !over; count++) expect((await chat(String(url), `l${count}`)).status).toBe(200);
			return count;
		})();
		for (const turn of [1, 2, 3]) {
			renameSync(log, `${log}.${turn}`);
			process.kill(pid, "SIGHUP");
			await until("the new file", 10_000, () => records(log).some(({ event }) => event === "chat_done"));
			expect(records(log).some(({ event }) => event === "reloaded")).toBe(true);
		}
		over = true;
		const count = await load;
		// A directory of that name can't be opened: the log goes on where it is.
		renameSync(log, `${log}.4`);
		execFileSync("mkdir", [log]);
		process.kill(pid, "SIGHUP");
		await until("the refusal", 10_000, () =>
			records(`${log}.4`).some(
				({ event, reason }) => event === "reload_refused" && /EISDIR/.test(String(reason)),
			),
		);
		process.kill(pid, "SIGTERM");
		expect(await within("the end", 15_000, it.exited)).toEqual({ code: 0, signal: null });
		const done = [1, 2, 3, 4]
			.flatMap((turn) => records(`${log}.${turn}`))
			.filter(({ event }) => event === "chat_done");
		expect(done).toHaveLength(count);
		expect(records(`${log}.4`).at(-1)?.event).toBe("shutdown");
	}, 60_000);

	test("to the whole process group is a reload like any other", async () => {
		const it = serve({});
		const { url, childPids } = await it.ready();
		it.signalGroup("SIGHUP");
		await it.event("reloaded");
		expect(childPids.every(isRunning)).toBe(true);
		for (const id of IDS) expect((await chat(url, id)).status).toBe(200);
	}, 60_000);

	test("of a terminal that went away ends the cluster in order", async () => {
		const log = join(dir, "rollpin.log");
		const command = `${process.execPath} ${join(REPOSITORY, "bin", "rollpin.js")} serve --port 0 --backends 1 --store memory --log-file ${log}`;
		// script(1) gives its child a terminal, which goes with it.
		const terminal = spawn("script", ["-qec", command, "/dev/null"], { stdio: "ignore", detached: true });
		const records = (): LogRecord[] =>
			existsSync(log)
				? readFileSync(log, "utf8")
						.split("\n")
						.slice(0, -1)
						.map((line) => JSON.parse(line) as LogRecord)
				: [];
		const started = await until("readiness", 20_000, () =>
			records().find(({ event }) => event === "cluster_ready"),
		);
		try {
			terminal.kill("SIGKILL");
			const end = await until("the end", 15_000, () => records().find(({ event }) => event === "shutdown"));
			expect(end).toMatchObject({ exit_code: 0, reason: "SIGHUP" });
			await until("the primary to be gone", 5_000, () => !isRunning(Number(started.pid)));
		} finally {
			if (isRunning(Number(started.pid))) process.kill(Number(started.pid), "SIGKILL");
		}
	}, 60_000);
});

test("SIGUSR2 rotates the token too, before it replaces the workers", async () => {
	writeFileSync(tokenFile(), "old");
	chmodSync(tokenFile(), 0o600);
	const it = serve({ auth_token_file: tokenFile() });
	const { url } = await it.ready();
	writeFileSync(tokenFile(), "new\n");
	expect(await signal(it, "SIGUSR2", "reloaded")).toMatchObject({ changed: ["auth_token_file"] });
	await it.event("reload_done", 30_000);
	const order = it.records
		.map(({ event }) => event)
		.filter((event) => event === "reloaded" || event === "reload_started");
	expect(order).toEqual(["reloaded", "reload_started"]);
	for (const id of IDS) {
		expect((await chat(url, id, "new")).status).toBe(200);
		expect((await chat(url, id, "old")).status).toBe(401);
	}
}, 60_000);

describe("a signal before there is a cluster", () => {
	/** A start that stands still in its first file of settings. Resolves with what lets it go on. */
	async function startThatWaits(): Promise<{ it: ServedCluster; goOn: () => void }> {
		execFileSync("mkfifo", [settingsFile()]);
		const flags = ["--port", "0", "--backends", "2", "--log-format", "json", "--data-dir", join(dir, "data")];
		cluster = new ServedCluster([...flags, "--config", settingsFile()], { bare: true });
		// Opens once the other side reads.
		const writer = await openFile(settingsFile(), "w");
		return {
			it: cluster,
			goOn() {
				// Whoever reads the settings again finds a file.
				rmSync(settingsFile());
				write({ max_messages: 5 });
				void writer.writeFile("{}").then(() => writer.close());
			},
		};
	}

	test("is a reload once there is one (SIGHUP), or refused in words (SIGUSR2)", async () => {
		const { goOn, it } = await startThatWaits();
		it.child.kill("SIGHUP");
		it.child.kill("SIGUSR2");
		goOn();
		await it.ready();
		expect(await it.event("reloaded")).toMatchObject({ changed: ["max_messages"] });
		expect(await it.event("reload_refused")).toMatchObject({ reason: "the cluster is starting" });
	}, 60_000);

	test.each(["SIGTERM", "SIGINT"] as const)(
		"is the end, in order, of a start that has begun nothing (%s)",
		async (name) => {
			const { goOn, it } = await startThatWaits();
			it.child.kill(name);
			goOn();
			expect(await within("the end", 15_000, it.exited)).toEqual({ code: 0, signal: null });
			expect([it.all("worker_spawn"), it.stderr, it.leftovers()]).toEqual([[], "", []]);
		},
		60_000,
	);
});
