// What a data dir's lock says of its owner, and how one owner follows another on disk. Never decides who lives.
import { readlinkSync, statSync } from "node:fs";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { hostname } from "node:os";
import { dirname, join } from "node:path";
import { ConfigError } from "../base/errors.js";
import { randomHex } from "../base/random-hex.js";
import { bootId } from "./boot-id.js";
import { readIfThere } from "./durable-file.js";

/** Name of the lock in its data dir. All that belongs to it begins so. */
export const LOCK_NAME = "lock";

export interface LockOwner {
	/** Of this one taking of the lock; no other ever has it. */
	readonly token: string;
	readonly host: string;
	/** In `pidNamespace`; the same number may be another process elsewhere. */
	readonly pid: number;
	/** Null where the platform doesn't tell. */
	readonly pidNamespace: string | null;
	/** Of the kernel it runs on, whatever its container; null where the platform doesn't tell. */
	readonly bootId: string | null;
	/** The kernel's number of the mounted file system, as the owner has it. */
	readonly device: number;
	/** Name of the socket in the data dir that it listens on; null where the file system takes none. */
	readonly socket: string | null;
}

/** This process as the owner of a data dir. */
export function ownerHere(dataDir: string, token: string, socket: string | null): LockOwner {
	return {
		token,
		host: hostname(),
		pid: process.pid,
		pidNamespace: pidNamespaceHere(),
		bootId: bootId(),
		device: statSync(dataDir).dev,
		socket,
	};
}

export const newToken = () => randomHex(16);
export const socketName = (token: string) => `${LOCK_NAME}.${token}.sock`;

/** Null where the platform doesn't tell. */
export function pidNamespaceHere(): string | null {
	try {
		return readlinkSync("/proc/self/ns/pid");
	} catch {
		return null;
	}
}

/** Who has the lock, as far as the files say. */
export interface FoundOwner {
	readonly owner: LockOwner;
	/** The file that it renews. */
	readonly path: string;
	/** Whoever links a file to this name, which is free once in all time, is the next owner. */
	readonly next: string;
	/** Names that earlier owners left on the way from the lock to this one. */
	readonly trail: readonly string[];
	/** Sockets of those earlier owners, and of this one. */
	readonly sockets: readonly string[];
}

/**
 * Goes from the lock from one owner to the next. Successors are linked to names that hold the token of the one before, so
 * of any number who found the same owner dead only one succeeds it.
 * @returns null when nobody has it
 * @throws ConfigError when the lock is none of this program's
 */
export async function findOwner(lock: string): Promise<FoundOwner | null> {
	const text = await readIfThere(lock);
	if (text === undefined) return null;
	let owner = parseOwner(lock, text);
	let path = lock;
	const trail: string[] = [];
	const sockets: string[] = [];
	for (;;) {
		if (owner.socket !== null) sockets.push(join(dirname(lock), owner.socket));
		const next = successor(lock, owner.token);
		const following = await readIfThere(next);
		if (following === undefined) return { owner, path, next, trail, sockets };
		trail.push(next);
		owner = parseOwner(next, following);
		path = next;
	}
}

const successor = (lock: string, token: string) => `${lock}.${token}.next`;

/** Makes the owner that was linked to `next` the lock itself, and clears away those before. */
export async function promote(lock: string, former: FoundOwner): Promise<void> {
	await rename(former.next, lock);
	for (const path of [...former.trail, ...former.sockets]) await rm(path, { force: true });
}

/** What a lock's file says, and when it was last renewed, in the words of its file system's clock. Null when it is gone. */
export async function readRenewal(path: string): Promise<{ text: string; renewed: bigint } | null> {
	let file: FileHandle;
	try {
		// Opened anew each time: that is when a network file system asks its server.
		file = await open(path, "r");
	} catch (error) {
		if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
		throw error;
	}
	try {
		return { text: await file.readFile("utf8"), renewed: (await file.stat({ bigint: true })).mtimeNs };
	} finally {
		await file.close();
	}
}

function parseOwner(path: string, text: string): LockOwner {
	try {
		const owner = JSON.parse(text) as Partial<LockOwner>;
		const { token, host, pid, device, socket = null, bootId = null, pidNamespace = null } = owner;
		if (
			typeof token === "string" &&
			/^[0-9a-f]{32}$/.test(token) &&
			typeof host === "string" &&
			typeof pid === "number" &&
			typeof device === "number" &&
			(socket === null || socket === socketName(token))
		)
			return { token, host, pid, pidNamespace, bootId, device, socket };
	} catch {
		// Told below, with the remedy.
	}
	throw new ConfigError(
		`--data-dir: ${path} is not a lock of this program; remove it if no cluster runs here`,
	);
}
