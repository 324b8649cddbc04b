// What every sandbox backend must do. Called by one test file per backend.
import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
	type ExecEnd,
	type FoundSandbox,
	KILL_MARGIN_MS,
	type SandboxBackend,
	type SandboxSpec,
} from "../../src/sandbox/backend.js";
import { newExecId, newSandboxId } from "../../src/sandbox/ids.js";
import { until } from "../support/wait.js";

export interface BackendRoom {
	/** A backend as a new process would make it: knows nothing but what is at the backend. */
	start(): Promise<SandboxBackend>;
	/** An image with bash, coreutils, tar. */
	image: string;
	/** Takes one away behind everybody's back: its engine lost it. */
	lose(id: string): Promise<void>;
	stop(): Promise<void>;
}

const never = new AbortController().signal;
const FAR_MS = 600_000;

interface Ran extends ExecEnd {
	stdout: string;
	stderr: string;
}

export function describeBackend(name: string, makeRoom: () => Promise<BackendRoom>): void {
	describe(`${name} keeps the contract of a sandbox backend`, () => {
		let room: BackendRoom;
		let backend: SandboxBackend;
		/** Most cases share one. */
		let shared: string;
		beforeAll(async () => {
			room = await makeRoom();
			backend = await room.start();
			shared = await make();
		}, 120_000);
		afterAll(async () => {
			for await (const { id, instance } of backend.list(never)) {
				if (instance === "conformance") await backend.remove(id, never);
			}
			await backend.close();
			await room.stop();
		}, 120_000);

		async function spec(over: Partial<SandboxSpec> = {}): Promise<SandboxSpec> {
			const nowMs = await backend.nowMs(never);
			return {
				id: newSandboxId(),
				instance: "conformance",
				sessionId: null,
				image: room.image,
				pullPolicy: "never",
				deadlineMs: nowMs + FAR_MS,
				ceilingMs: nowMs + FAR_MS,
				env: {},
				workdir: ".",
				user: null,
				resources: { cpu: 1, memoryMib: 256, pids: 64, diskMib: 64 },
				network: "none",
				runtime: null,
				labels: {},
				...over,
			};
		}

		async function make(over: Partial<SandboxSpec> = {}): Promise<string> {
			const made = await spec(over);
			await backend.create(made, () => undefined, never);
			return made.id;
		}

		async function run(
			id: string,
			argv: readonly string[],
			over: {
				stdin?: string;
				env?: Record<string, string>;
				cwd?: string;
				execId?: string;
				signal?: AbortSignal;
			} = {},
		): Promise<Ran> {
			const text = { stdout: [] as Uint8Array[], stderr: [] as Uint8Array[] };
			const { stdin, env = {}, cwd = null, execId = newExecId(), signal = never } = over;
			const bytes = stdin === undefined ? null : Buffer.from(stdin);
			const end = await backend.exec(
				id,
				{ execId, argv, stdin: bytes, env, cwd },
				(stream, piece) => {
					text[stream].push(piece);
				},
				signal,
			);
			return {
				...end,
				stdout: Buffer.concat(text.stdout).toString(),
				stderr: Buffer.concat(text.stderr).toString(),
			};
		}

		const bash = (id: string, script: string, over: Parameters<typeof run>[2] = {}): Promise<Ran> =>
			run(id, ["bash", "-c", script], over);

		async function found(): Promise<FoundSandbox[]> {
			return (await collect(backend.list(never))).filter((each) => each.instance === "conformance");
		}

		it("answers a probe and tells the time", async () => {
			await backend.probe(never);
			expect(Math.abs((await backend.nowMs(never)) - Date.now())).toBeLessThan(60_000);
		});

		it("runs a command: both streams, the exit code", async () => {
			expect(await bash(shared, "echo out; echo err >&2; exit 3")).toEqual({
				stdout: "out\n",
				stderr: "err\n",
				exitCode: 3,
				oom: false,
			});
		});

		it("gives a command stdin, environment and directory; what it writes is there for the next one", async () => {
			const stdin = "a line\n";
			const first = await bash(shared, 'mkdir -p sub && cat > sub/in && echo "$WORD" > sub/word', {
				stdin,
				env: { WORD: "two words" },
			});
			expect(first).toMatchObject({ exitCode: 0, stderr: "" });
			expect((await bash(shared, "cat in word", { cwd: "sub" })).stdout).toBe("a line\ntwo words\n");
			expect((await run(shared, ["cat"])).stdout).toBe("");
		});

		it("passes arguments on as they are", async () => {
			const argv = ["printf", "%s|", "a b", "$HOME", "", "'", "é"];
			expect((await run(shared, argv)).stdout).toBe("a b|$HOME||'|é|");
		});

		it("tells a program that is not there as 127 with a message, and one that may not run as 126", async () => {
			const missing = await run(shared, ["no-such-program"]);
			expect(missing.exitCode).toBe(127);
			expect(missing.stderr).toContain("no-such-program");
			const refused = await bash(shared, "echo > plain; exit 0");
			expect(refused.exitCode).toBe(0);
			expect((await run(shared, ["./plain"])).exitCode).toBe(126);
		});

		it("tells a command that is longer than the system takes as 126 with a message: the agent's own doing", async () => {
			const { exitCode, stderr } = await bash(shared, `: ${"x".repeat(200_000)}`);
			expect(exitCode).toBe(126);
			expect(stderr).toMatch(/argument list too long/i);
			expect((await bash(shared, "echo $LONG", { env: { LONG: "x".repeat(200_000) } })).exitCode).toBe(126);
		});

		it("tells the end by a signal as 128 and its number", async () => {
			expect((await bash(shared, "kill -TERM $$")).exitCode).toBe(143);
		});

		it("gives all of a large output, in order", async () => {
			const lines = 200_000;
			const { stdout } = await bash(shared, `seq ${lines}`);
			expect(stdout.length).toBe(1_288_895);
			expect(stdout.endsWith(`${lines}\n`)).toBe(true);
		});

		it("reads no further while its reader is not ready", async () => {
			let open = (): void => undefined;
			const gate = new Promise<void>((resolve) => {
				open = resolve;
			});
			let bytes = 0;
			const abort = new AbortController();
			const running = backend.exec(
				shared,
				{
					execId: newExecId(),
					argv: ["bash", "-c", "yes | head -c 50000000"],
					stdin: null,
					env: {},
					cwd: null,
				},
				async (_stream, piece) => {
					bytes += piece.length;
					await gate;
				},
				abort.signal,
			);
			await until("first bytes", 10_000, () => bytes > 0);
			await bash(shared, "true");
			expect(bytes).toBeLessThan(10_000_000);
			open();
			expect((await running).exitCode).toBe(0);
			expect(bytes).toBe(50_000_000);
		});

		it("answers though something that the command started holds its streams", async () => {
			const { stdout, exitCode } = await bash(shared, "sleep 300 & echo started");
			expect({ stdout, exitCode }).toEqual({ stdout: "started\n", exitCode: 0 });
		});

		it("kills the whole tree of a command that is called off, and no other command", async () => {
			const [execId, other] = [newExecId(), new AbortController()];
			const abort = new AbortController();
			const neighbour = bash(shared, "echo > other; sleep 300", { signal: other.signal });
			const script = "(setsid sleep 301 &) ; trap '' TERM; echo > up; sleep 302; sleep 303";
			const running = bash(shared, script, { execId, signal: abort.signal });
			await until(
				"both to run",
				10_000,
				async () => (await bash(shared, "test -e up -a -e other")).exitCode === 0,
			);
			abort.abort();
			expect((await running).exitCode).toBeNull();
			expect(await backend.survivors(shared, execId, never)).toBe(0);
			const left = await bash(shared, "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '");
			expect(left.stdout).toContain("sleep 300");
			expect(left.stdout).not.toMatch(/sleep 30[123]/);
			other.abort();
			await neighbour;
		});

		it("counts what a command left that hid its origin", async () => {
			const id = await make();
			const [execId, abort] = [newExecId(), new AbortController()];
			// Up once it has thrown its origin away: before that it is killed as any other.
			const script =
				"env -i setsid sleep 304 & until [[ $(</proc/$!/comm) == sleep ]]; do :; done; echo > up; sleep 305";
			const running = bash(id, script, { execId, signal: abort.signal });
			await until("it to run", 10_000, async () => (await bash(id, "test -e up")).exitCode === 0);
			abort.abort();
			expect((await running).exitCode).toBeNull();
			expect(await backend.survivors(id, execId, never)).toBe(1);
			await backend.remove(id, never);
		});

		it("takes a tree in and gives it out again, byte for byte", async () => {
			const bytes = randomBytes(300_000);
			await bash(shared, "mkdir -p tree/deep && base64 -d > tree/deep/bytes", {
				stdin: bytes.toString("base64"),
			});
			const tar = await collect(backend.getTar(shared, "tree", never));
			const other = await make();
			await backend.putTar(other, pieces(tar), never);
			const { stdout } = await bash(other, "base64 -w 0 tree/deep/bytes; stat -c %u tree/deep/bytes; id -u");
			const [data, owner, user] = [stdout.slice(0, 400_000), ...stdout.slice(400_000).split("\n")];
			expect(data === bytes.toString("base64")).toBe(true);
			expect(owner).toBe(user);
			await backend.remove(other, never);
		});

		it("refuses what is no tar, and a path that is not there", async () => {
			await expect(backend.putTar(shared, pieces([Buffer.alloc(2048, 7)]), never)).rejects.toMatchObject({
				code: "invalid_request",
			});
			await expect(collect(backend.getTar(shared, "none", never))).rejects.toMatchObject({
				code: "sandbox_path_not_found",
			});
		});

		it("takes over what is there when the same one is made again", async () => {
			const made = await spec();
			await backend.create(made, () => undefined, never);
			await bash(made.id, "echo kept > file");
			const restarted = await room.start();
			await restarted.create(made, () => undefined, never);
			await restarted.close();
			expect((await bash(made.id, "cat file")).stdout).toBe("kept\n");
			expect((await found()).filter(({ id }) => id === made.id)).toHaveLength(1);
			await backend.remove(made.id, never);
		});

		it("lists what is there, with whose it is and its ceiling", async () => {
			const made = await spec();
			await backend.create(made, () => undefined, never);
			const one = (await found()).find(({ id }) => id === made.id);
			expect(one).toMatchObject({ instance: "conformance", ceilingMs: made.ceilingMs, running: true });
			expect(Math.abs((one?.createdMs ?? 0) - Date.now())).toBeLessThan(60_000);
			await backend.remove(made.id, never);
			expect((await found()).some(({ id }) => id === made.id)).toBe(false);
		});

		it("leaves nothing of one that is removed, and tells one that was not there", async () => {
			const id = await make();
			const running = bash(id, "sleep 306").catch(() => null);
			await bash(id, "(setsid sleep 307 &)");
			expect(await backend.remove(id, never)).toBe(true);
			await running;
			expect(await backend.remove(id, never)).toBe(false);
			expect(await backend.remove(newSandboxId(), never)).toBe(false);
			await expect(bash(id, "true")).rejects.toMatchObject({ code: "sandbox_lost" });
			expect(await backend.ended(id, never)).not.toBeNull();
		});

		it("ends by itself before the deadline, and what it runs with it", async () => {
			const nowMs = await backend.nowMs(never);
			const deadlineMs = nowMs + KILL_MARGIN_MS + 2_500;
			const id = await make({ deadlineMs, ceilingMs: deadlineMs });
			expect(await backend.ended(id, never)).toBeNull();
			const running = bash(id, "(setsid sleep 308 &); (env -i setsid sleep 309 &); sleep 310").then(
				({ exitCode }) => exitCode,
				(error: { code: string }) => error.code,
			);
			const end = await until("its end", 20_000, () => backend.ended(id, never));
			expect(["deadline", "removed", "lost"]).toContain(end.reason);
			expect(await backend.nowMs(never)).toBeLessThanOrEqual(deadlineMs);
			expect([137, null, "sandbox_lost"]).toContain(await running);
			expect(await backend.survivors(id, newExecId(), never).catch(() => 0)).toBe(0);
			await backend.remove(id, never);
		});

		it("moves the end when it is told to, to earlier and, where it can, to later", async () => {
			const sooner = await make();
			const deadlineMs = (await backend.nowMs(never)) + KILL_MARGIN_MS + 2_500;
			await backend.setDeadline(sooner, deadlineMs, never);
			const later = backend.canExtend ? await make({ deadlineMs }) : null;
			if (later !== null) await backend.setDeadline(later, deadlineMs + FAR_MS, never);
			await until("the end of the one", 20_000, () => backend.ended(sooner, never));
			await until("the deadline", 20_000, async () => (await backend.nowMs(never)) > deadlineMs);
			if (later !== null) expect((await bash(later, "echo here")).stdout).toBe("here\n");
			if (later !== null) await backend.remove(later, never);
			await backend.remove(sooner, never);
		});

		it("tells one that its engine lost", async () => {
			const id = await make();
			await room.lose(id);
			expect(await until("it to be gone", 10_000, () => backend.ended(id, never))).not.toBeNull();
			await expect(bash(id, "true")).rejects.toMatchObject({ code: "sandbox_lost" });
			await backend.remove(id, never);
		});
	});
}

async function* pieces(list: readonly Uint8Array[]): AsyncIterable<Uint8Array> {
	yield* list;
}

async function collect<T>(from: AsyncIterable<T>): Promise<T[]> {
	const all: T[] = [];
	for await (const each of from) all.push(each);
	return all;
}
