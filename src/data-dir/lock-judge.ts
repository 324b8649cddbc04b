// Tells whether a lock's owner lives: by its socket where that proves it, else by watching for a renewal.
import { statSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { dirname, join } from "node:path";
import { bootId } from "./boot-id.js";
import { type FoundOwner, readRenewal } from "./lock-record.js";
import { type Knock, knock } from "./lock-socket.js";

/** An owner renews its lock so often. */
export const RENEW_MS = 2_000;
/** One that was watched for so long without a renewal is taken for dead. */
export const LEASE_MS = 12_000;
const LOOK_MS = 250;

/**
 * File systems that one kernel alone has mounted: a socket that is refused there is refused everywhere.
 * https://man7.org/linux/man-pages/man2/statfs.2.html
 */
const LOCAL_TYPES: ReadonlySet<number> = new Set([
	0xef53, // ext2, ext3, ext4
	0x58465342, // xfs
	0x9123683e, // btrfs
	0x01021994, // tmpfs
	0x794c7630, // overlayfs
	0x2fc12fc1, // zfs
	0xf2f52010, // f2fs
	0xca451a4e, // bcachefs
]);

/** Whether the owner's socket proves anything: `dead` only where this kernel is the one that it listened on. */
export async function judgeBySocket(lock: string, { owner }: FoundOwner): Promise<Knock> {
	if (owner.socket === null) return "unknown";
	const directory = dirname(lock);
	const answer = await knock(join(directory, owner.socket));
	if (answer !== "dead") return answer;
	// Another kernel's socket is a dead name here, and so is one that was bound through another mount of a shared file system.
	const here = bootId();
	if (here === null || owner.bootId !== here || owner.device !== statSync(directory).dev) return "unknown";
	if (process.platform === "linux" && !LOCAL_TYPES.has((await statfs(directory)).type)) return "unknown";
	return "dead";
}

/**
 * Watches for a lease's length. No clocks are compared: two machines' may differ by any time.
 * @returns `renewed` as soon as it is, `silent` after the lease, `changed` when another has the lock meanwhile
 */
export async function watchLease(
	{ path }: FoundOwner,
	leaseMs: number,
): Promise<"renewed" | "silent" | "changed"> {
	const first = await readRenewal(path);
	let watchedMs = 0;
	for (let lookedMs = performance.now(); watchedMs < leaseMs; ) {
		await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
		const now = await readRenewal(path);
		if (now === null || now.text !== first?.text) return "changed";
		if (now.renewed !== first.renewed) return "renewed";
		// While this process was stopped it watched nothing.
		watchedMs += Math.min(performance.now() - lookedMs, 4 * LOOK_MS);
		lookedMs = performance.now();
	}
	return "silent";
}
