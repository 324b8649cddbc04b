// What an agent may try from inside a sandbox, at a real engine: each attack, and how it ends.
import { createServer } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { newExecId } from "../../../src/sandbox/ids.js";
import { whyNoContainers } from "../../support/container-engine.js";
import { until } from "../../support/wait.js";
import { DockerRoom, never } from "./room.js";

describe.skipIf(whyNoContainers("test:docker") !== null)("from inside a sandbox", () => {
	let room: DockerRoom;
	/** Most attacks share one. */
	let id: string;
	beforeAll(async () => {
		process.env["ROLLPIN_AUTH_TOKEN"] = "the-token-of-this-test";
		room = new DockerRoom();
		await room.start();
		({ id } = await room.make(600_000));
	}, 120_000);
	afterAll(async () => {
		delete process.env["ROLLPIN_AUTH_TOKEN"];
		await room.stop();
	}, 60_000);
	const bash = (script: string) => room.bash(id, script);

	it("an agent is a user without any right: no capability, no new ones, a filter of system calls", async () => {
		const { text } = await bash("id -u; while read -r line; do echo $line; done </proc/self/status");
		expect(text).toMatch(/^65532\n/);
		for (const name of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"]) {
			expect(text).toContain(`${name}: 0000000000000000\n`);
		}
		expect(text).toContain("NoNewPrivs: 1\n");
		expect(text).toContain("Seccomp: 2\n");
	});

	it("the timer can be neither stopped, killed, read nor written", async () => {
		const attacks =
			"kill -STOP 1; kill -KILL 1; kill -TERM 1; echo 9 >/run/rollpin/deadline; cat /run/rollpin/deadline /proc/1/environ";
		const { text, exitCode } = await bash(attacks);
		expect(exitCode).not.toBe(0);
		expect(text.match(/not permitted|[Pp]ermission denied/g)).toHaveLength(6);
		expect((await bash("echo $(</proc/1/stat)")).text).toMatch(/^1 \(bash\) S /);
	});

	it("nothing of ours is there: no token, no file of the host, no port of its own", async () => {
		const server = createServer((socket) => socket.end("here")).listen(0, "127.0.0.1");
		await new Promise((resolve) => server.once("listening", resolve));
		const { port } = server.address() as { port: number };
		const { text } = await bash("env; cat /proc/self/mountinfo /proc/net/dev /proc/1/cmdline; ls /");
		const reach = await bash(`cat </dev/tcp/127.0.0.1/${port}`);
		server.close();
		expect(text).not.toContain("the-token");
		expect(text).not.toContain(process.cwd());
		expect(text.match(/^ *\w+:/gm)?.map((name) => name.trim())).toEqual(["lo:"]);
		expect(reach.exitCode).not.toBe(0);
		expect(reach.text).toContain("refused");
	});

	it("only the workspace, /tmp and /dev/shm can be written, each up to its size", async () => {
		const { text } = await bash(
			"for at in / /srv /usr /etc /run /run/rollpin /proc/1 /sys; do : >$at/x && echo wrote $at; done 2>/dev/null;" +
				"for at in /workspace /tmp /dev/shm; do dd if=/dev/zero of=$at/full bs=1M count=100; rm $at/full; done",
		);
		expect(text).not.toContain("wrote");
		expect(text.match(/No space left/g)).toHaveLength(3);
		expect(text).toMatch(/16777216 bytes[\s\S]*67108864 bytes[\s\S]*67108864 bytes/);
	});

	it("a command that takes all memory is killed and says so; the sandbox lives on", async () => {
		const full = await bash("tail /dev/zero; echo after $?");
		expect(full).toMatchObject({ oom: true, text: expect.stringContaining("after 137") });
		expect(await bash("echo fine")).toMatchObject({ oom: false, text: "fine\n" });
	});

	it("a command that kills its own runner ends, and is told as killed; the sandbox lives on", async () => {
		expect(await bash("kill -KILL $PPID; sleep 0.2")).toMatchObject({ exitCode: 137 });
		expect(await bash("kill -KILL -1; sleep 0.2")).toMatchObject({ exitCode: 137 });
		expect(await bash("kill -TERM 0; sleep 300")).toMatchObject({ exitCode: 143 });
		expect((await bash("echo fine")).text).toBe("fine\n");
	});

	it("orphans leave no zombies", async () => {
		await bash("for i in {1..40}; do (setsid true &); done");
		await until("the zombies to go", 10_000, async () => {
			const { text } = await bash("cat /proc/[0-9]*/stat");
			return !text.includes(") Z ");
		});
	});

	/** Fills its sandbox with processes and keeps it full. */
	const BOMB = "bomb() { sleep 300 & bomb | bomb & }; bomb; while :; do sleep 300 & done";
	/** A command that cannot begin there says so, or is called off. */
	const full = (bombed: string) =>
		until("the sandbox to be full", 20_000, async () => {
			const { exitCode, text } = await room.bash(bombed, "true", { signal: AbortSignal.timeout(2_000) });
			return exitCode === null || (exitCode === 126 && text.includes("no processes left"));
		});

	it("a fork bomb is killed when it is called off, and the sandbox is of use again", async () => {
		const { id: bombed } = await room.make(60_000);
		const [execId, abort] = [newExecId(), new AbortController()];
		const bomb = room.bash(bombed, BOMB, { execId, signal: abort.signal });
		await full(bombed);
		abort.abort();
		expect((await bomb).exitCode).toBeNull();
		expect(await room.backend.survivors(bombed, execId, never)).toBe(0);
		expect((await room.bash(bombed, "echo fine")).text).toBe("fine\n");
		await room.backend.remove(bombed, never);
	}, 40_000);

	it("a fork bomb that nobody calls off ends at the deadline", async () => {
		const { id: bombed, deadlineMs } = await room.make(10_000);
		const bomb = room.bash(bombed, BOMB).catch((error: { code: string }) => error.code);
		await full(bombed).catch(() => undefined);
		const end = await until("its end", 20_000, () => room.backend.ended(bombed, never));
		expect(end.reason).toBe("deadline");
		expect(end.atMs).toBeLessThan(deadlineMs);
		expect(await bomb).toBe("sandbox_lost");
	}, 40_000);

	it("whoever takes all of the CPU, closes everything and ignores every signal ends at the deadline as well", async () => {
		const resources = { cpu: 1, memoryMib: 64, pids: 64, diskMib: 4 };
		const { id: busy, deadlineMs } = await room.make(8_000, { resources });
		const script =
			"trap '' {1..64}; for i in {1..40}; do (exec <&- >&- 2>&-; while :; do :; done) & done; echo up; wait";
		const running = room.bash(busy, script).catch((error: { code: string }) => error.code);
		const end = await until("its end", 20_000, () => room.backend.ended(busy, never));
		expect(end.reason).toBe("deadline");
		expect(end.atMs).toBeLessThan(deadlineMs);
		expect(await running).toBe("sandbox_lost");
	}, 40_000);

	it("a process that threw its environment away is counted, one that an earlier command left is not", async () => {
		await bash("env -i setsid sleep 400 & true");
		const [execId, abort] = [newExecId(), new AbortController()];
		const running = room.bash(id, "sleep 401", { execId, signal: abort.signal });
		await until("it to run", 10_000, async () =>
			(await bash("cat /proc/[0-9]*/cmdline")).text.includes("401"),
		);
		abort.abort();
		await running;
		expect(await room.backend.survivors(id, execId, never)).toBe(0);
		expect(await room.backend.survivors(id, newExecId(), never)).toBe(1);
	});
});
