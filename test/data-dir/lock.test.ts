// The lock of a data dir within one process: what the files say, leases, what a crash at any step leaves behind.
import {
	copyFileSync,
	readdirSync,
	readFileSync,
	renameSync,
	rmSync,
	utimesSync,
	writeFileSync,
} from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ConfigError } from "../../src/base/errors.js";
import { type HeldLock, type LockOptions, takeLock } from "../../src/data-dir/lock.js";
import { moveToAnotherMachine } from "../support/lock-holder.js";
import { until } from "../support/wait.js";

let directory: string;
let held: HeldLock[];
beforeEach(async () => {
	directory = await mkdtemp(join(tmpdir(), "rollpin-lock-"));
	held = [];
});
afterEach(async () => {
	for (const lock of held) await lock.release();
	await rm(directory, { recursive: true, force: true });
});

const path = () => join(directory, "lock");
async function take(options?: LockOptions): Promise<HeldLock> {
	const lock = await takeLock(path(), options);
	held.push(lock);
	return lock;
}
const refusal = (options?: LockOptions) =>
	take(options).then(
		() => "not refused",
		(error: unknown) => (error instanceof ConfigError ? error.message : `not a ConfigError: ${error}`),
	);
type Owner = { token: string; socket: string | null } & Record<string, unknown>;
const owner = (file = path()) => JSON.parse(readFileSync(file, "utf8")) as Owner;
const write = (record: object, file = path()) => writeFileSync(file, JSON.stringify(record));
const next = (token: string) => `${path()}.${token}.next`;

/** Leaves what a process that is killed leaves: the record, and a socket that nobody listens on. */
async function leaveDead(file = path()): Promise<Owner> {
	const aside = await mkdtemp(join(directory, "aside-"));
	const lock = await takeLock(join(aside, "lock"));
	const record = owner(join(aside, "lock"));
	const listening = createServer().listen(join(aside, "socket"));
	await until("the socket", 5_000, () => listening.listening);
	// A name that the server does not know is not removed when it closes.
	renameSync(join(aside, "socket"), join(directory, String(record.socket)));
	await new Promise((resolve) => listening.close(resolve));
	await lock.release();
	rmSync(aside, { recursive: true });
	write(record, file);
	return record;
}

describe("takeLock", () => {
	it("refuses in one line that names the owner and the remedy, and leaves nothing behind", async () => {
		await take();
		const before = readdirSync(directory);
		const said = await refusal();
		expect(said).toMatch(
			new RegExp(
				`^--data-dir: ${directory} is in use by the cluster with process id ${process.pid} on host \\S+; stop it, or choose`,
			),
		);
		expect(said).not.toContain("\n");
		expect(readdirSync(directory)).toEqual(before);
	});

	it("gives it back without a trace", async () => {
		await (await take()).release();
		expect(readdirSync(directory)).toEqual([]);
		await take();
	});

	it("takes a dead owner's at once and clears away what it left", async () => {
		await leaveDead();
		await take({ notice: (line) => expect.fail(line) });
		expect(readdirSync(directory).sort()).toEqual(["lock", String(owner().socket)]);
	});

	it("does not judge what is no lock", async () => {
		for (const text of [
			"???",
			"",
			"{}",
			'{"host":"elsewhere","pid":1,"startTime":null}',
			'{"token":"../x"}',
		]) {
			writeFileSync(path(), text);
			expect(await refusal()).toMatch(
				/lock is not a lock of this program; remove it if no cluster runs here/,
			);
		}
	});

	it("refuses what another machine's owner renews, whatever the clocks say, and says that it watches", async () => {
		await take({ renewMs: 20 });
		moveToAnotherMachine(directory);
		const notices: string[] = [];
		expect(await refusal({ leaseMs: 1e9, notice: (line) => void notices.push(line) })).toMatch(
			/in use by the cluster with process id \d+ on host elsewhere; stop it/,
		);
		expect(notices).toHaveLength(1);
		expect(notices[0]).toMatch(/on host elsewhere, which can't be reached from here: watching for 1000000 s/);
	});

	it.each([
		["years old", new Date(1_000_000_000_000)],
		["ahead of this machine's clock", new Date(Date.now() + 86_400_000)],
	])("takes over what another machine renewed last at a time %s, after the lease", async (_what, time) => {
		await take({ renewMs: 1e9 });
		moveToAnotherMachine(directory);
		utimesSync(path(), time, time);
		let watched = 0;
		await take({ leaseMs: 300, notice: () => void watched++ });
		expect(watched).toBe(1);
	});

	it.each([
		["another kernel", { bootId: "another" }],
		["a kernel that tells nothing", { bootId: null }],
		["another mount of the file system", { device: -1 }],
		["an owner without a socket", { socket: null }],
	])("takes a refused socket of %s for no proof: it watches", async (_what, change) => {
		write({ ...(await leaveDead()), ...change });
		let watched = 0;
		await take({ leaseMs: 300, notice: () => void watched++ });
		expect(watched).toBe(1);
	});

	it("takes a socket that is gone for no proof either", async () => {
		rmSync(join(directory, String((await leaveDead()).socket)));
		let watched = 0;
		await take({ leaseMs: 300, notice: () => void watched++ });
		expect(watched).toBe(1);
	});

	it("goes on watching the next one when the owner changes meanwhile", async () => {
		await leaveDead();
		write({ ...owner(), bootId: "another" });
		let watched = 0;
		const second = refusal({
			leaseMs: 1e9,
			notice: () => {
				watched++;
				void leaveDead(join(directory, "new")).then(async () => {
					await rm(join(directory, "new"));
					await rm(path());
					await take();
				});
			},
		});
		expect(await second).toContain(`process id ${process.pid} on host`);
		expect(watched).toBe(1);
	});

	it("lets exactly one of several that watch the same silent owner have it", async () => {
		write({ ...(await leaveDead()), bootId: "another" });
		const outcomes = await Promise.allSettled(Array.from({ length: 4 }, () => take({ leaseMs: 300 })));
		expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
	});

	it("lets exactly one of ten that start at once succeed a dead one, round after round", async () => {
		for (let round = 0; round < 20; round++) {
			await leaveDead();
			const outcomes = await Promise.allSettled(Array.from({ length: 10 }, () => take()));
			const refused = outcomes.flatMap((it) => (it.status === "rejected" ? [String(it.reason)] : []));
			expect(refused).toHaveLength(9);
			for (const text of refused) expect(text).toMatch(/is in use by the cluster/);
			await held.pop()?.release();
			expect(readdirSync(directory).filter((name) => !name.startsWith("lock."))).toEqual([]);
		}
	}, 60_000);
});

describe("a death between two steps", () => {
	it("of one that had succeeded a dead owner and was not the lock yet is found", async () => {
		const first = await leaveDead();
		const second = await leaveDead(next(first.token));
		await take();
		expect(readdirSync(directory).sort()).toEqual(["lock", String(owner().socket)]);
		expect([first.token, second.token]).not.toContain(owner().token);
	});

	it("is none while that successor lives", async () => {
		const first = await leaveDead();
		await take();
		renameSync(path(), next(first.token));
		write(first);
		expect(await refusal()).toContain(`process id ${process.pid}`);
	});
});

describe("a held lock", () => {
	it("is put back when somebody removed it, and renewed as before", async () => {
		const lock = await take({ renewMs: 20 });
		const before = owner();
		rmSync(path());
		await until("the lock to be there again", 10_000, () => readdirSync(directory).includes("lock"));
		expect(owner()).toEqual(before);
		moveToAnotherMachine(directory);
		expect(await refusal({ leaseMs: 1e9 })).toContain("in use");
		await lock.check();
	});

	it("that another one took is lost: it says so, hands out nothing, and leaves the other's alone", async () => {
		const stopped = await take({ renewMs: 200 });
		moveToAnotherMachine(directory);
		// As the other machine's start does it, once the lease is over.
		copyFileSync(path(), join(directory, "copy"));
		const { token } = owner();
		const other = { ...owner(), token: "0".repeat(32), pid: 77, host: "winner" };
		write(other, next(token));
		await expect(stopped.check()).rejects.toThrow(
			/was taken over by process 77 on host winner, since this cluster did not renew its lock in time; this one ends/,
		);
		renameSync(next(token), path());
		expect(await stopped.lost).toContain("taken over by process 77 on host winner");
		await stopped.release();
		expect(owner()).toEqual(other);
		expect(readdirSync(directory).sort()).toEqual(["copy", "lock"]);
	});

	it("learns of its loss by itself", async () => {
		const stopped = await take({ renewMs: 20 });
		write({ ...owner(), token: "0".repeat(32), pid: 77, socket: null });
		expect(await stopped.lost).toContain("process 77");
	});
});
