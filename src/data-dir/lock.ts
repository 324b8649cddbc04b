// Takes, keeps and gives back the lock that keeps two clusters off one data dir. How owners follow one another on disk is
// lock-record.ts's, whether one lives is lock-judge.ts's.
import { type FileHandle, link, open, rm } from "node:fs/promises";
import type { Server } from "node:net";
import { dirname, join } from "node:path";
import { ConfigError } from "../base/errors.js";
import { writeBeside } from "./durable-file.js";
import { judgeBySocket, LEASE_MS, RENEW_MS, watchLease } from "./lock-judge.js";
import {
	type FoundOwner,
	findOwner,
	type LockOwner,
	newToken,
	ownerHere,
	promote,
	socketName,
} from "./lock-record.js";
import { listenAt } from "./lock-socket.js";

export interface LockOptions {
	/** Told in one line why the start takes time. */
	notice?: (line: string) => void;
	/** How long an owner that may be on another machine is watched for. */
	leaseMs?: number;
	renewMs?: number;
}

export interface HeldLock {
	/** Resolves, with one line for the operator, when another cluster has taken the lock over. */
	readonly lost: Promise<string>;
	/** @throws ConfigError when another cluster has taken the lock over */
	check(): Promise<void>;
	/** Gives the lock back, unless another cluster has it by now. Never throws. */
	release(): Promise<void>;
}

/** Takes the lock, over a dead owner's if need be. @throws ConfigError when another cluster has it, or may have it */
export async function takeLock(lock: string, options: LockOptions = {}): Promise<HeldLock> {
	// Before the socket is made: who is refused leaves nothing behind.
	let former = await waitForTurn(lock, options);
	const token = newToken();
	const socketPath = join(dirname(lock), socketName(token));
	const server = await listenIfPossible(socketPath);
	try {
		const owner = ownerHere(dirname(lock), token, server === null ? null : socketName(token));
		const temporary = await writeBeside(lock, textOf(owner));
		try {
			while (!(await succeed(lock, former, owner, temporary))) former = await waitForTurn(lock, options);
			// By the name that is this owner's alone: what it renews is its own.
			return new Held(lock, owner, server, await open(temporary, "r+"), options.renewMs ?? RENEW_MS);
		} finally {
			await rm(temporary, { force: true });
		}
	} catch (error) {
		server?.close();
		await rm(socketPath, { force: true });
		throw error;
	}
}

const textOf = (owner: LockOwner) => `${JSON.stringify(owner)}\n`;

/** Null where the file system takes no sockets: there the lease alone speaks for this owner. */
async function listenIfPossible(path: string): Promise<Server | null> {
	try {
		return await listenAt(path);
	} catch (error) {
		if (isCode(error, "ENOSPC") || isCode(error, "EDQUOT")) throw error;
		return null;
	}
}

/** False when another was faster. */
async function succeed(
	lock: string,
	former: FoundOwner | null,
	own: LockOwner,
	temporary: string,
): Promise<boolean> {
	const name = former?.next ?? lock;
	try {
		// link() is atomic and never replaces: the claim appears whole, or not at all.
		await link(temporary, name);
	} catch (error) {
		if (isCode(error, "EEXIST")) return false;
		throw error;
	}
	if (former === null) return true;
	// Another may have succeeded the same owner before and cleared that name away: then this claim follows nobody.
	if ((await findOwner(lock))?.owner.token === own.token) {
		await promote(lock, former);
		return true;
	}
	await rm(name, { force: true });
	return false;
}

/**
 * The owner that may be succeeded, or null when there is none. Goes on as long as others succeed one another meanwhile,
 * each of which is the end of one of them.
 * @throws ConfigError when it lives
 */
async function waitForTurn(lock: string, options: LockOptions): Promise<FoundOwner | null> {
	for (;;) {
		const found = await findOwner(lock);
		if (found === null) return null;
		const answer = await judgeBySocket(lock, found);
		if (answer === "alive") throw inUse(lock, found);
		if (answer === "dead") return found;
		const leaseMs = options.leaseMs ?? LEASE_MS;
		const { host, pid } = found.owner;
		options.notice?.(
			`${dirname(lock)} was last used by process ${pid} on host ${host}, which can't be reached from here: watching ` +
				`for ${leaseMs / 1000} s whether it still renews its lock`,
		);
		const seen = await watchLease(found, leaseMs);
		if (seen === "renewed") throw inUse(lock, found);
		if (seen === "silent") return found;
	}
}

function inUse(lock: string, { owner }: FoundOwner): ConfigError {
	return new ConfigError(
		`--data-dir: ${dirname(lock)} is in use by the cluster with process id ${owner.pid} on host ${owner.host}; stop it, ` +
			"or choose another directory",
	);
}

class Held implements HeldLock {
	readonly lost: Promise<string>;
	readonly #lock: string;
	readonly #owner: LockOwner;
	readonly #server: Server | null;
	readonly #timer: NodeJS.Timeout;
	#file: FileHandle;
	#lose: (line: string) => void = () => undefined;
	/** Null between two. */
	#renewing: Promise<void> | null = null;

	constructor(lock: string, owner: LockOwner, server: Server | null, file: FileHandle, renewMs: number) {
		this.#lock = lock;
		this.#owner = owner;
		this.#server = server;
		this.#file = file;
		this.lost = new Promise((resolve) => {
			this.#lose = resolve;
		});
		this.#timer = setInterval(() => {
			// On a medium that stands still one renewal waits, not thousands.
			this.#renewing ??= this.#renew().finally(() => {
				this.#renewing = null;
			});
		}, renewMs).unref();
	}

	async check(): Promise<void> {
		const found = await findOwner(this.#lock);
		if (found === null || found.owner.token === this.#owner.token) return;
		const line = this.#lostTo(found);
		this.#lose(line);
		throw new ConfigError(line);
	}

	async release(): Promise<void> {
		clearInterval(this.#timer);
		await this.#renewing;
		await this.#file.close().catch(() => undefined);
		try {
			const found = await findOwner(this.#lock);
			// Nobody succeeds an owner whose socket answers. Should a machine that can't reach it have done so between these two
			// lines, it puts its lock back with its next renewal.
			if (found?.owner.token === this.#owner.token) await rm(this.#lock, { force: true });
		} catch {
			// Nothing can be removed now: the socket tells that nobody is here.
		}
		this.#server?.close();
		await rm(join(dirname(this.#lock), socketName(this.#owner.token)), { force: true }).catch(
			() => undefined,
		);
	}

	/** Failures are left for the next time: a medium that can't be written now may be later. */
	async #renew(): Promise<void> {
		try {
			const now = new Date();
			// By the open file: a successor's lock is never renewed.
			await this.#file.utimes(now, now).catch(() => undefined);
			await this.check();
			if ((await findOwner(this.#lock)) === null) await this.#putBack();
		} catch {
			// `lost` says it, or the next renewal.
		}
	}

	/** Somebody removed the lock of a running cluster: the next start would have found nothing in its way. */
	async #putBack(): Promise<void> {
		const temporary = await writeBeside(this.#lock, textOf(this.#owner));
		try {
			await link(temporary, this.#lock);
			const file = await open(temporary, "r+");
			await this.#file.close();
			this.#file = file;
		} finally {
			await rm(temporary, { force: true });
		}
	}

	#lostTo({ owner }: FoundOwner): string {
		return (
			`--data-dir: ${dirname(this.#lock)} was taken over by process ${owner.pid} on host ${owner.host}, since this cluster ` +
			"did not renew its lock in time; this one ends"
		);
	}
}

function isCode(error: unknown, code: string): boolean {
	return error instanceof Error && "code" in error && error.code === code;
}
