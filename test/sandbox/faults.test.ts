// Sandboxes while something around them fails: the disk of their records, their backend, their session. Each failure is told, once.
import { cpSync, existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ExecOutput, SandboxBackend } from "../../src/sandbox/backend.js";
import type { ExecRequest } from "../../src/sandbox/commands.js";
import type { SandboxRequest } from "../../src/sandbox/request.js";
import { NOTHING_ASKED } from "../../src/sandbox/request.js";
import type { Sandboxes } from "../../src/sandbox/sandboxes.js";
import { type SandboxRoom, sandboxRoom } from "../support/sandbox-room.js";
import { until } from "../support/wait.js";

const never = new AbortController().signal;

let room: SandboxRoom;
let records: string;
beforeEach(() => {
	room = sandboxRoom();
	records = join(room.root, "..", "records");
});
afterEach(() => room.stop());

function make(on: Sandboxes, over: Partial<SandboxRequest> = {}, key: string | null = null) {
	return on.create({ ...NOTHING_ASKED, ...over }, { key, fingerprint: JSON.stringify(over) });
}

function bash(script: string, over: Partial<ExecRequest> = {}): ExecRequest {
	const argv = ["bash", "-c", script];
	return { argv, stdin: null, env: {}, cwd: null, timeoutMs: 30_000, outputLimitBytes: 10_000, ...over };
}

async function atBackend(): Promise<string[]> {
	const ids: string[] = [];
	for await (const { id } of room.backend.list(never)) ids.push(id);
	return ids.sort();
}

const named = (event: string) =>
	room.events.filter((each) => each.event === event).map(({ fields }) => fields);

/** The local backend, some of whose calls do something else. */
function changed(calls: Partial<SandboxBackend>): SandboxBackend {
	return new Proxy(room.backend, {
		get(target, name) {
			const own = (calls as Record<string | symbol, unknown>)[name];
			const value = own ?? (Reflect.get(target, name) as unknown);
			return typeof value === "function" && own === undefined ? value.bind(target) : value;
		},
	});
}

/** A disk that takes no record, until it is called again. */
function loseDisk(): () => void {
	const aside = `${records}.aside`;
	renameSync(records, aside);
	return () => renameSync(aside, records);
}

describe("A record that cannot be written", () => {
	it("makes no sandbox: 503, no place and no key is taken", async () => {
		const sandboxes = await room.start({ maxSandboxes: 1 });
		const mend = loseDisk();
		const refused = { code: "store_unavailable", status: 503, message: expect.stringContaining("ENOENT") };
		await expect(make(sandboxes, {}, "k")).rejects.toMatchObject(refused);
		expect(sandboxes.counts()).toEqual({ creating: 0, running: 0 });
		mend();
		const made = await make(sandboxes, {}, "k");
		expect(await atBackend()).toEqual([made.id]);
	});

	it("takes the sandbox back that was made meanwhile", async () => {
		let mend = (): void => undefined;
		const backend = changed({
			async create(...args) {
				await room.backend.create(...args);
				mend = loseDisk();
			},
		});
		const sandboxes = await room.start({}, backend);
		await expect(make(sandboxes, {}, "k")).rejects.toMatchObject({ code: "store_unavailable" });
		expect(await atBackend()).toEqual([]);
		expect(sandboxes.counts()).toEqual({ creating: 0, running: 0 });
		mend();
		expect(readdirSync(records).filter((name) => name.startsWith("sbx-"))).toHaveLength(1);
		const later = await room.start();
		expect(later.counts()).toEqual({ creating: 0, running: 0 });
	});

	it("keeps no sandbox alive: its end counts at once and is written when it can be", async () => {
		const sandboxes = await room.start();
		const made = await make(sandboxes);
		const mend = loseDisk();
		await sandboxes.remove(made.id, "deleted");
		expect(await atBackend()).toEqual([]);
		expect(named("sandbox_record_failed")).toMatchObject([{ sandbox_id: made.id }]);
		mend();
		await sandboxes.reaper.pass();
		expect(readFileSync(join(records, `${made.id}.json`), "utf8")).toContain('"gone":true');
	});
});

describe("A record that is damaged", () => {
	it.each([
		["cut", (text: string) => text.slice(0, -30)],
		["empty", () => ""],
		["of no state", (text: string) => text.replace('"running"', '"asleep"')],
	])("(%s) costs its own sandbox, which counts as lost, and no other one", async (_name, damage) => {
		const sandboxes = await room.start();
		const [hurt, whole] = [await make(sandboxes), await make(sandboxes)];
		await sandboxes.close();
		const path = join(records, `${hurt.id}.json`);
		writeFileSync(path, damage(readFileSync(path, "utf8")));
		const later = await room.start();
		expect(() => later.get(hurt.id)).toThrow(expect.objectContaining({ code: "sandbox_lost" }));
		expect(later.get(whole.id)).toEqual(whole);
		expect(named("sandbox_record_failed")).toMatchObject([{ sandbox_id: hurt.id }]);
		await later.reaper.pass();
		expect(await atBackend()).toEqual([whole.id]);
		await later.close();
		// It is whole now.
		const last = await room.start();
		expect(() => last.get(hurt.id)).toThrow(expect.objectContaining({ code: "sandbox_lost" }));
		expect(named("sandbox_record_failed")).toHaveLength(1);
	});

	it("tells its session, where that can be read", async () => {
		const sessionId = "0".repeat(32);
		const sandboxes = await room.start();
		const made = await make(sandboxes, { sessionId });
		await sandboxes.close();
		const path = join(records, `${made.id}.json`);
		writeFileSync(path, readFileSync(path, "utf8").slice(0, -30));
		await room.start();
		await until("the telling", 5_000, () => room.told.length > 0);
		expect(room.told).toMatchObject([{ id: made.id, sessionId, end: { reason: "lost" } }]);
	});
});

describe("A copy of the data dir", () => {
	it("ends nothing of the original's, whose sandboxes live on; the original keeps its own", async () => {
		const sandboxes = await room.start();
		const made = await make(sandboxes, {}, "k");
		await sandboxes.close();
		const original = `${records}.original`;
		renameSync(records, original);
		cpSync(original, records, { recursive: true });
		const copy = await room.start();
		expect(named("sandbox_records_foreign")).toEqual([{ records: 1 }]);
		expect(() => copy.get(made.id)).toThrow(expect.objectContaining({ code: "sandbox_not_found" }));
		const later = await make(copy);
		await copy.reaper.pass();
		// As a session of the copy would, at its end.
		await copy.removeBound(made.id);
		await copy.removeBound(later.id);
		expect(await atBackend()).toEqual([made.id]);
		await copy.close();
		rmSync(records, { recursive: true });
		renameSync(original, records);
		const again = await room.start();
		expect((await make(again, {}, "k")).id).toBe(made.id);
		await again.removeBound(made.id);
		expect(await atBackend()).toEqual([]);
	});
});

describe("Ends that are moved at the same time", () => {
	it("come one after the other: the record says what the backend heard last", async () => {
		const heard: number[] = [];
		const backend = changed({
			async setDeadline(id, deadlineMs, signal) {
				await room.backend.setDeadline(id, deadlineMs, signal);
				// The answer to the first one comes late.
				if (heard.push(deadlineMs) === 1) await new Promise((resolve) => setTimeout(resolve, 100));
			},
		});
		const sandboxes = await room.start({}, backend);
		const made = await make(sandboxes, { ttlS: 60, maxTtlS: 600 });
		await Promise.all([300, 100, 200].map((ttlS) => sandboxes.extend(made.id, ttlS)));
		expect(heard).toHaveLength(3);
		expect(sandboxes.get(made.id).killAtMs + 2_000).toBe(heard.at(-1));
	});
});

describe("A create that failed", () => {
	it("may be tried again under its key, also when what it left cannot be removed yet", async () => {
		let fails = true;
		const backend = changed({
			async create(...args) {
				await room.backend.create(...args);
				if (fails) throw new Error("no start");
			},
			remove: (id, signal) =>
				fails ? Promise.reject(new Error("no removal")) : room.backend.remove(id, signal),
		});
		const sandboxes = await room.start({ maxSandboxes: 1 }, backend);
		await expect(make(sandboxes, {}, "k")).rejects.toThrow("no start");
		expect(named("sandbox_reap_failed")).toHaveLength(1);
		await sandboxes.close();
		fails = false;
		const later = await room.start({ maxSandboxes: 1 }, backend);
		const made = await make(later, {}, "k");
		await later.reaper.pass();
		expect(await atBackend()).toEqual([made.id]);
	});

	it("and comes to be at the backend after its removal is removed by the next pass", async () => {
		const sandboxes = await room.start();
		const made = await make(sandboxes);
		const aside = `${room.root}.aside`;
		renameSync(join(room.root, made.id), aside);
		await sandboxes.remove(made.id, "deleted");
		await sandboxes.reaper.pass();
		// What the engine was asked for by a process that died then.
		renameSync(aside, join(room.root, made.id));
		await sandboxes.reaper.pass();
		expect(await atBackend()).toEqual([]);
	});
});

describe("A long life", () => {
	it("is no timer that fires at once", async () => {
		const sandboxes = await room.start({ maxTtlS: 60 * 86_400 });
		const made = await make(sandboxes, { ttlS: 55 * 86_400 });
		const result = await sandboxes.commands.run(made.id, bash("echo here", { timeoutMs: null }), never);
		expect(result.stdout).toBe("here\n");
		expect(sandboxes.get(made.id).state).toBe("running");
	});
});

describe("A failure of the backend", () => {
	it("at a command's end in the background is its code, and no exit of the command's own", async () => {
		const lostSight = new Error("out of sight");
		const sandboxes = await room.start({}, changed({ exec: () => Promise.reject(lostSight) }));
		const made = await make(sandboxes);
		const exec = await sandboxes.commands.start(made.id, bash("true"));
		await exec.done;
		expect(exec.end).toMatchObject({ exitCode: null, timedOut: false, failure: "internal" });
	});

	it("that lets a command's time run out before it starts is no timeout of the command", async () => {
		const backend = changed({
			exec: (_id, _command, _output, signal) =>
				new Promise((_resolve, reject) => {
					signal.addEventListener("abort", () => reject(signal.reason));
				}),
		});
		const sandboxes = await room.start({}, backend);
		const made = await make(sandboxes);
		await expect(
			sandboxes.commands.run(made.id, bash("true", { timeoutMs: 100 }), never),
		).rejects.toMatchObject({ code: "sandbox_backend_unavailable", status: 503 });
		expect(named("exec_done")).toEqual([]);
	});

	it("to count what a killed command left is told once, and asked again until it is known", async () => {
		let asked = 0;
		const backend = changed({
			survivors: async () => {
				if (++asked < 3) throw new Error("no count");
				return 1;
			},
		});
		const sandboxes = await room.start({}, backend);
		const made = await make(sandboxes);
		await sandboxes.commands.run(made.id, bash("sleep 408", { timeoutMs: 50 }), never);
		await until("its end", 15_000, () => named("sandbox_ended").length > 0);
		expect(named("sandbox_ended")).toMatchObject([{ reason: "lost" }]);
		expect(named("sandbox_reap_failed")).toHaveLength(1);
	});

	it("to tell a session of an end is in the log once, however often it is tried", async () => {
		const sandboxes = await room.start();
		const made = await make(sandboxes, { sessionId: "s1" });
		room.tell = () => Promise.reject(new Error("no worker"));
		rmSync(join(room.root, made.id), { recursive: true });
		await sandboxes.reaper.pass();
		await sandboxes.reaper.pass();
		expect(named("sandbox_end_unheard")).toMatchObject([{ sandbox_id: made.id, session_id: "s1" }]);
	});

	it("to remove one at its end is in the log, and is tried again", async () => {
		let fails = true;
		const backend = changed({
			remove: (id, signal) => (fails ? Promise.reject(new Error("stuck")) : room.backend.remove(id, signal)),
		});
		const sandboxes = await room.start({}, backend);
		const made = await make(sandboxes, { ttlS: 1 });
		await until("the failure", 10_000, () => named("sandbox_reap_failed").length > 0);
		expect(() => sandboxes.get(made.id)).toThrow(expect.objectContaining({ code: "sandbox_expired" }));
		fails = false;
		await sandboxes.reaper.pass();
		expect(await atBackend()).toEqual([]);
	});
});

describe("A command", () => {
	it("that was answered writes no more, whatever its backend still reads", async () => {
		let late: ExecOutput | undefined;
		const backend = changed({
			exec: (_id, _command, output) => {
				late = output;
				return new Promise(() => undefined);
			},
		});
		const sandboxes = await room.start({}, backend);
		const made = await make(sandboxes);
		const pieces: string[] = [];
		const sink: ExecOutput = (_stream, bytes) => void pieces.push(Buffer.from(bytes).toString());
		await sandboxes.commands.stream(made.id, bash("x", { timeoutMs: 50 }), sink, never);
		await late?.("stdout", Buffer.from("late"));
		expect(pieces).toEqual([]);
	});

	it("is counted before it starts, so that many at once keep the limit", async () => {
		const backend = changed({ exec: () => new Promise(() => undefined) });
		const sandboxes = await room.start({}, backend);
		const made = await make(sandboxes);
		const left = new AbortController();
		const all = Array.from({ length: 40 }, () => sandboxes.commands.run(made.id, bash("x"), left.signal));
		const settled = Promise.allSettled(all);
		left.abort();
		const refused = (await settled).filter(({ status }) => status === "rejected");
		expect(refused).toHaveLength(8);
	});
});

describe("A tar that comes no further", () => {
	it("does not keep the answer when its sandbox is ended, and hurts nobody", async () => {
		const sandboxes = await room.start();
		const made = await make(sandboxes);
		async function* stuck(): AsyncIterable<Uint8Array> {
			yield Buffer.alloc(512);
			await new Promise(() => undefined);
		}
		const putting = sandboxes.putFiles(made.id, stuck());
		const refused = expect(putting).rejects.toMatchObject({ code: "sandbox_deleted" });
		await sandboxes.remove(made.id, "deleted");
		await refused;
		expect(existsSync(join(room.root, made.id))).toBe(false);
	});
});
