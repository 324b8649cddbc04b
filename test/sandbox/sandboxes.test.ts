// The sandboxes of a cluster over real processes: made once, ended once, found again after a death.
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ExecRequest } from "../../src/sandbox/commands.js";
import { LocalBackend } from "../../src/sandbox/local/local-backend.js";
import type { SandboxRequest } from "../../src/sandbox/request.js";
import { NOTHING_ASKED } from "../../src/sandbox/request.js";
import type { Sandboxes } from "../../src/sandbox/sandboxes.js";
import { type SandboxRoom, sandboxRoom } from "../support/sandbox-room.js";
import { until } from "../support/wait.js";

const never = new AbortController().signal;
const ANY = { labels: [], sessionId: null, state: null };

let room: SandboxRoom;
let sandboxes: Sandboxes;
beforeEach(async () => {
	room = sandboxRoom();
	sandboxes = await room.start();
});
afterEach(() => room.stop());

function make(over: Partial<SandboxRequest> = {}, key: string | null = null, on = sandboxes) {
	return on.create({ ...NOTHING_ASKED, ...over }, { key, fingerprint: JSON.stringify(over) });
}

function bash(script: string, over: Partial<ExecRequest> = {}): ExecRequest {
	return {
		argv: ["bash", "-c", script],
		stdin: null,
		env: {},
		cwd: null,
		timeoutMs: 30_000,
		outputLimitBytes: 10_000,
		...over,
	};
}

const run = (id: string, script: string, over: Partial<ExecRequest> = {}, on = sandboxes) =>
	on.commands.run(id, bash(script, over), never);

async function atBackend(): Promise<string[]> {
	const ids: string[] = [];
	for await (const { id } of room.backend.list(never)) ids.push(id);
	return ids.sort();
}

const named = (event: string) =>
	room.events.filter((each) => each.event === event).map(({ fields }) => fields);

describe("A sandbox is made", () => {
	it("with its files, environment and labels, and says until when it lives", async () => {
		const long = `${"deep/".repeat(40)}file`;
		const made = await make({
			ttlS: 60,
			maxTtlS: 120,
			env: { WORD: "two words" },
			labels: { task: "a" },
			files: [
				{ path: "a/b.txt", content: Buffer.from("é") },
				{ path: long, content: Buffer.from("deep") },
			],
		});
		expect(made).toMatchObject({ state: "running", image: "local", labels: { task: "a" } });
		expect(made.deadlineMs - made.createdMs).toBe(60_000);
		expect(made.ceilingMs - made.createdMs).toBe(120_000);
		const { stdout } = await run(made.id, `cat a/b.txt ${long}; echo "$WORD"`);
		expect(stdout).toBe("édeeptwo words\n");
		expect((await sandboxes.getFile(made.id, long, 100)).toString()).toBe("deep");
		expect(named("sandbox_created")).toHaveLength(1);
	});

	it("once for a key, also when it comes twice at once; another request under it is refused", async () => {
		const [one, two] = await Promise.all([make({ ttlS: 60 }, "k"), make({ ttlS: 60 }, "k")]);
		expect(two.id).toBe(one.id);
		expect((await make({ ttlS: 60 }, "k")).id).toBe(one.id);
		await expect(make({ ttlS: 61 }, "k")).rejects.toMatchObject({ code: "idempotency_mismatch" });
		expect(await atBackend()).toEqual([one.id]);
		await sandboxes.remove(one.id, "deleted");
		await expect(make({ ttlS: 60 }, "k")).rejects.toMatchObject({ code: "sandbox_deleted" });
	});

	it("never with less than what was asked", async () => {
		for (const [over, param] of [
			[{ ttlS: 3601 }, "ttl_seconds"],
			[{ ttlS: 10, maxTtlS: 9 }, "max_ttl_seconds"],
			[{ network: "none" }, "network"],
			[{ user: "1000" }, "user"],
			[{ resources: { memoryMib: 4097 } }, "resources.memory_mib"],
			[{ resources: { pids: 10 } }, "resources.pids"],
			[{ labels: { task: "x".repeat(1025) } }, "labels"],
		] as Array<[Partial<SandboxRequest>, string]>) {
			await expect(make(over)).rejects.toMatchObject({ code: "invalid_request", param });
		}
		await expect(make({ image: "other" })).rejects.toMatchObject({ code: "image_not_allowed" });
		expect(await atBackend()).toEqual([]);
	});

	it("up to a number; a failed create leaves nothing and takes no place", async () => {
		const few = await room.start({ maxSandboxes: 1 });
		const bad = {
			files: [
				{ path: "x/y", content: Buffer.from("1") },
				{ path: "x", content: Buffer.from("2") },
			],
		};
		await expect(make(bad, "k", few)).rejects.toMatchObject({ code: "invalid_request" });
		expect(await atBackend()).toEqual([]);
		expect(few.list({ labels: [], sessionId: null, state: "ended" })).toEqual([]);
		await make({}, "k", few);
		await expect(make({}, null, few)).rejects.toMatchObject({ code: "too_many_sandboxes", status: 429 });
	});

	it("under the same key when the process died in the middle of making it", async () => {
		class Stuck extends LocalBackend {
			override create(): Promise<void> {
				return new Promise(() => undefined);
			}
		}
		const first = await room.start({}, new Stuck(room.root));
		void make({}, "k", first).catch(() => undefined);
		const interrupted = await until("its intent to be stored", 5_000, () => first.list(ANY)[0]);
		const later = await room.start();
		const made = await make({}, "k", later);
		expect(made.id).not.toBe(interrupted.id);
		expect((await make({}, "k", later)).id).toBe(made.id);
	});

	it("is found again by the next process, with what it knew of it", async () => {
		const made = await make({ labels: { task: "a" }, ttlS: 60 }, "k");
		await run(made.id, "echo kept > file");
		await sandboxes.close();
		const later = await room.start();
		expect(later.get(made.id)).toEqual(made);
		expect((await make({ labels: { task: "a" }, ttlS: 60 }, "k", later)).id).toBe(made.id);
		expect((await run(made.id, "cat file", {}, later)).stdout).toBe("kept\n");
	});
});

describe("A sandbox that was being made when all died", () => {
	it("is nobody's: it is removed, and its key makes a new one", async () => {
		const made = await make({ ttlS: 60 }, "k");
		await sandboxes.close();
		const file = join(room.root, "..", "records", `${made.id}.json`);
		writeFileSync(file, readFileSync(file, "utf8").replace('"running"', '"creating"'));
		const later = await room.start();
		const again = await make({ ttlS: 60 }, "k", later);
		expect(again.id).not.toBe(made.id);
		await later.reaper.pass();
		expect(await atBackend()).toEqual([again.id]);
	});
});

describe("A sandbox ends", () => {
	it("by a delete, once, also while it is made and while a command runs", async () => {
		const made = await make();
		const running = run(made.id, "echo > up; sleep 400");
		await until("it to run", 10_000, async () => (await run(made.id, "test -e up")).exitCode === 0);
		const refused = expect(running).rejects.toMatchObject({ code: "sandbox_deleted", status: 410 });
		await Promise.all([sandboxes.remove(made.id, "deleted"), sandboxes.remove(made.id, "deleted")]);
		await refused;
		expect(() => sandboxes.get(made.id)).toThrow(
			expect.objectContaining({ code: "sandbox_deleted", status: 404 }),
		);
		expect(await atBackend()).toEqual([]);
		expect(named("sandbox_ended")).toMatchObject([{ reason: "deleted" }]);

		const making = make();
		const [early] = sandboxes.list({ labels: [], sessionId: null, state: "creating" });
		const failed = expect(making).rejects.toMatchObject({ code: "sandbox_deleted" });
		await sandboxes.remove(early?.id ?? "", "deleted");
		await failed;
		expect(await atBackend()).toEqual([]);
	});

	it("at its deadline, which its session is told before the command under way is answered", async () => {
		const made = await make({ ttlS: 3, sessionId: "s1" });
		await expect(run(made.id, "sleep 401")).rejects.toMatchObject({ code: "sandbox_expired", status: 410 });
		expect(named("sandbox_ended")).toMatchObject([{ reason: "expired" }]);
		expect(room.told).toMatchObject([{ id: made.id, sessionId: "s1", end: { reason: "expired" } }]);
		await expect(run(made.id, "true")).rejects.toMatchObject({ code: "sandbox_expired", status: 404 });
		await until("all to be gone", 10_000, async () => (await atBackend()).length === 0);
	});

	it("when its engine loses it: 410, told, and told again by the reaper when that failed", async () => {
		const made = await make({ sessionId: "s1" });
		room.tell = () => Promise.reject(new Error("no worker"));
		rmSync(join(room.root, made.id), { recursive: true });
		await expect(run(made.id, "true")).rejects.toMatchObject({ code: "sandbox_lost", status: 410 });
		expect(room.told).toEqual([]);
		await sandboxes.close();
		room.tell = async () => undefined;
		const later = await room.start();
		await until("the telling", 5_000, () => room.told.length > 0);
		expect(room.told).toMatchObject([{ id: made.id, end: { reason: "lost" } }]);
		await later.reaper.pass();
		expect(room.told).toHaveLength(1);
	});

	it("and whoever hears of it finds it in the session: a command is answered after the telling", async () => {
		const made = await make({ sessionId: "s1" });
		const order: string[] = [];
		room.tell = async () => {
			await new Promise((resolve) => setTimeout(resolve, 300));
			order.push("told");
		};
		const running = run(made.id, "echo > up; sleep 408").catch(({ code }) => order.push(code));
		await until("it to run", 10_000, async () => (await run(made.id, "test -e up")).exitCode === 0);
		rmSync(join(room.root, made.id), { recursive: true });
		await Promise.all([sandboxes.reaper.pass(), running]);
		expect(order).toEqual(["told", "sandbox_lost"]);
	});

	it("later or sooner when it is told to, never beyond its ceiling", async () => {
		const made = await make({ ttlS: 10, maxTtlS: 100 });
		const longer = await sandboxes.extend(made.id, 50);
		expect(longer.deadlineMs).toBeGreaterThan(made.deadlineMs + 39_000);
		await expect(sandboxes.extend(made.id, 101)).rejects.toMatchObject({ code: "invalid_request" });
		expect(sandboxes.get(made.id).deadlineMs).toBe(longer.deadlineMs);
		await sandboxes.extend(made.id, 2);
		await until("its end", 10_000, () => named("sandbox_ended").length > 0);
		await until("nothing to be left", 10_000, async () => (await atBackend()).length === 0);
	});

	it("by label, and no other one", async () => {
		const [a, b] = [await make({ labels: { task: "a" } }), await make({ labels: { task: "b" } })];
		const filter = { labels: [["task", "a"] as const], sessionId: null, state: null };
		expect(sandboxes.list(filter).map(({ id }) => id)).toEqual([a.id]);
		expect(await sandboxes.removeWhere(filter)).toBe(1);
		expect(await atBackend()).toEqual([b.id]);
	});
});

describe("A command", () => {
	it("that is too slow is answered in time, without an exit code, and its tree is dead", async () => {
		const made = await make();
		const startedMs = performance.now();
		const result = await run(made.id, "echo before; (setsid sleep 402 &); sleep 403", { timeoutMs: 300 });
		expect(performance.now() - startedMs).toBeLessThan(5_000);
		expect(result).toMatchObject({ exitCode: null, timedOut: true, stdout: "before\n" });
		const { stdout } = await run(made.id, "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '");
		expect(stdout).not.toMatch(/sleep 40[23]/);
		expect(sandboxes.get(made.id).state).toBe("running");
	});

	it("that hides from its kill takes its sandbox along", async () => {
		const made = await make({ sessionId: "s1" });
		await run(made.id, "env -i setsid sleep 404 & sleep 405", { timeoutMs: 300 });
		await until("the end of its sandbox", 10_000, () => room.told.length > 0);
		expect(room.told).toMatchObject([{ end: { reason: "lost" } }]);
		await until("all to be gone", 10_000, async () => (await atBackend()).length === 0);
	});

	it("gives head and tail of too much output, and how much is missing", async () => {
		const made = await make();
		const result = await run(made.id, "yes é | head -c 3000000; echo the end", { outputLimitBytes: 1001 });
		expect(result.stdoutBytes).toBe(3_000_008);
		expect(result.truncated).toBe(true);
		expect(result.stdout).not.toContain("\ufffd");
		expect(result.stdout).toMatch(
			/^(é\n)+\n\[\.\.\. 2999\d{3} bytes are missing here \.\.\.\]\n[\s\S]*the end\n$/,
		);
		expect(result.stdout.length).toBeLessThan(1100);
	});

	it("runs in the background with its output by offset, until it is killed", async () => {
		const made = await make();
		const { execId } = await sandboxes.commands.start(made.id, bash("echo one; echo two >&2; sleep 406"));
		const read = (offset: number) => sandboxes.commands.background(made.id, execId).read(offset);
		await until("both lines", 10_000, () => read(0).output.length === 2);
		expect(read(0).output).toContainEqual({ stream: "stderr", text: "two\n" });
		expect(read(read(0).nextOffset)).toEqual({ output: [], nextOffset: 8, missingBytes: 0 });
		await sandboxes.commands.kill(made.id, execId);
		expect(sandboxes.commands.background(made.id, execId).end).toMatchObject({ exitCode: null });
		expect(() => sandboxes.commands.background(made.id, "exec-x")).toThrow(
			expect.objectContaining({ code: "sandbox_exec_not_found" }),
		);
	});

	it("whose client leaves is killed", async () => {
		const made = await make();
		const left = new AbortController();
		const running = sandboxes.commands.run(made.id, bash("echo > up; sleep 407"), left.signal);
		await until("it to run", 10_000, async () => (await run(made.id, "test -e up")).exitCode === 0);
		left.abort();
		await running;
		const { stdout } = await run(made.id, "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '");
		expect(stdout).not.toContain("sleep 407");
	});
});
