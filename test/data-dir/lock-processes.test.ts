// The lock of a data dir between real processes: containers, kills, stops, media that are full, read-only or without sockets.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, statfsSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { keepReserve } from "../../src/data-dir/reserve.js";
import {
	endHolders,
	holderOf,
	LockHolder,
	mayUnshare,
	moveToAnotherMachine,
	NAMESPACES,
} from "../support/lock-holder.js";
import { within } from "../support/wait.js";

let root: string;
let mounts: string[];
beforeEach(async () => {
	root = await mkdtemp(join(tmpdir(), "rollpin-lock-"));
	mounts = [];
});
afterEach(async () => {
	await endHolders();
	for (const mount of mounts) spawnSync("umount", ["--lazy", mount]);
	await rm(root, { recursive: true, force: true });
});

const data = () => join(root, "data");
function mounted(type: string, options: string): string | null {
	const path = join(root, "medium");
	mkdirSync(path);
	if (spawnSync("mount", ["-t", type, "-o", options, type, path]).status !== 0) {
		process.stderr.write(`skipped: no right to mount a ${type}\n`);
		return null;
	}
	mounts.push(path);
	return path;
}

if (!mayUnshare) process.stderr.write("skipped: no right to make namespaces (unshare)\n");

describe.skipIf(!mayUnshare)("an owner and a start", () => {
	for (const [where, wrap] of Object.entries(NAMESPACES)) {
		it(`${where}: a live owner is never robbed, a killed one followed at once`, async () => {
			const owner = await holderOf(data());
			const second = new LockHolder(data(), wrap);
			expect(await second.outcome()).toMatch(/^refused --data-dir: .* is in use by the cluster/);
			await owner.kill();
			const third = await holderOf(data(), wrap);
			expect(third.lines).toEqual(["held"]);
			expect(await new LockHolder(data()).outcome()).toMatch(/^refused/);
			await third.kill();
			expect((await holderOf(data())).lines).toEqual(["held"]);
		});
	}
});

it("a stopped owner is no dead one", async () => {
	const owner = await holderOf(data());
	owner.signal("SIGSTOP");
	expect(await new LockHolder(data()).outcome()).toMatch(/^refused/);
	owner.signal("SIGCONT");
	owner.tell("release");
	await owner.said("released");
	await holderOf(data());
});

it("an owner that was stopped while another machine took over gets no epoch, says so, and leaves the lock alone", async () => {
	const owner = await holderOf(data());
	owner.signal("SIGSTOP");
	moveToAnotherMachine(data());
	const other = new LockHolder(data(), [], { leaseMs: 1_000 });
	expect(await other.outcome()).toBe("held");
	expect(other.lines[0]).toMatch(/^watching .* on host elsewhere/);
	const lock = readFileSync(join(data(), "lock"), "utf8");
	other.tell("epoch");
	const epoch = Number(await other.said("1"));
	owner.tell("epoch");
	owner.signal("SIGCONT");
	expect(await owner.said("no epoch")).toMatch(/was taken over by process \d+ on host \S+/);
	await owner.said("lost --data-dir: ");
	owner.tell("release");
	await owner.said("released");
	expect(readFileSync(join(data(), "lock"), "utf8")).toBe(lock);
	expect(Number(readFileSync(join(data(), "epoch"), "utf8"))).toBe(epoch);
});

it("one of ten processes succeeds a killed one", async () => {
	await (await holderOf(data())).kill();
	const holders = Array.from({ length: 10 }, () => new LockHolder(data()));
	const outcomes = await Promise.all(holders.map((holder) => holder.outcome()));
	expect(outcomes.filter((outcome) => outcome === "held")).toHaveLength(1);
	expect(outcomes.filter((outcome) => /is in use by/.test(outcome))).toHaveLength(9);
});

it("never two of several processes have it that take it and give it back in turn", async () => {
	mkdirSync(data());
	const program = fileURLToPath(new URL("../fixtures/lock-race.js", import.meta.url));
	const ends = Array.from({ length: 3 }, async () => {
		const child = spawn(process.execPath, [program, data(), "40"], { stdio: ["ignore", "ignore", "pipe"] });
		let said = "";
		child.stderr.setEncoding("utf8").on("data", (text: string) => {
			said += text;
		});
		const [code] = (await once(child, "close")) as [number | null];
		return { code, said };
	});
	for (const end of await within("the race's end", 60_000, Promise.all(ends)))
		expect(end).toEqual({ code: 0, said: "" });
	expect(readdirSync(data())).toEqual([]);
}, 70_000);

it("a directory whose path is too long for a socket's address is locked like any other", async () => {
	const deep = join(data(), ...Array.from({ length: 4 }, () => "long".repeat(30)));
	expect(deep.length).toBeGreaterThan(400);
	const owner = await holderOf(deep);
	expect(await new LockHolder(deep).outcome()).toMatch(/^refused .* is in use by/);
	await owner.kill();
	expect((await holderOf(deep)).lines).toEqual(["held"]);
});

it("a full medium lets a killed owner be followed, by what is kept for that", async () => {
	const medium = mounted("tmpfs", "size=120m");
	if (medium === null) return;
	const path = join(medium, "data");
	const owner = await holderOf(path);
	await keepReserve(path, 1e12);
	const { bavail, bsize } = statfsSync(medium);
	writeFileSync(join(medium, "ballast"), Buffer.alloc(bavail * bsize));
	expect(statfsSync(medium).bavail).toBe(0);
	await owner.kill();
	const next = await holderOf(path);
	expect(await new LockHolder(path).outcome()).toMatch(/^refused .* is in use by/);
	next.tell("release");
	await next.said("released");
	expect(existsSync(join(path, "lock"))).toBe(false);
});

it("a read-only medium is refused in one line", async () => {
	const medium = mounted("tmpfs", "size=1m");
	if (medium === null) return;
	const path = join(medium, "data");
	const owner = await holderOf(path);
	owner.tell("release");
	await owner.said("released");
	await owner.kill();
	expect(spawnSync("mount", ["-o", "remount,ro", medium]).status).toBe(0);
	expect(await new LockHolder(path).outcome()).toMatch(
		/^refused --data-dir: .* can't be used: EROFS.*; choose a directory this user may write$/,
	);
});

it("a file system that may be on other machines, too, is watched for the lease", async () => {
	// ramfs is local, but none of those that are known to be: it stands for a file system that nobody knows.
	const medium = mounted("ramfs", "");
	if (medium === null) return;
	const path = join(medium, "data");
	const owner = await holderOf(path);
	expect(await new LockHolder(path).outcome()).toMatch(/^refused .* is in use by/);
	await owner.kill();
	const next = new LockHolder(path, [], { leaseMs: 500 });
	expect(await next.outcome()).toBe("held");
	expect(next.lines[0]).toMatch(/^watching /);
});
