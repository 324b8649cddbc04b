// What bench:peer compares, each started the same way for every shape: ours, another build of ours, a peer, a plain relay, the naive server.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startBenchCluster } from "./cluster.js";
import type { CreateFloor } from "./create-floor.js";
import type { NaiveServer } from "./naive-server.js";
import { startRole } from "./processes.js";
import type { Relay } from "./relay.js";
import { Watched, watchEnv } from "./watched.js";

export interface Subject {
	label: string;
	url: string;
	/** By what they are; figures of the whole are those of all of them. */
	processes: ReadonlyMap<string, Watched>;
	/** Asked of every chat beside what all ask for: a relay adds nothing itself. */
	extra?: string;
	stop(): Promise<void>;
}

export interface SubjectOptions {
	engineUrl: string;
	checkpointDir: string;
	r3: boolean;
	backends: number;
	serveArgs: readonly string[];
}

export async function startOurs(label: string, home: string, options: SubjectOptions): Promise<Subject> {
	const { backends, checkpointDir, engineUrl, r3, serveArgs } = options;
	const cluster = await startBenchCluster({
		home,
		upstream: engineUrl,
		checkpointDir,
		backends,
		serveArgs: [...(r3 ? ["--r3", "full"] : []), ...serveArgs],
	});
	return { label, ...cluster };
}

/** Runs already; nothing of it is stopped here. */
export function peerSubject(url: string, pid: number): Subject {
	return {
		label: "peer",
		url,
		processes: new Map([["peer", new Watched(pid, null)]]),
		stop: async () => undefined,
	};
}

export async function startRelay({ engineUrl, r3 }: SubjectOptions): Promise<Subject> {
	const subject = await startWatchedRole<Relay>("relay", [engineUrl], []);
	return r3 ? { ...subject, extra: ',"return_routed_experts":true' } : subject;
}

/** The least that a create which outlives its process takes: in place of a relay, which knows no sessions. */
export function startCreateFloor(): Promise<Subject> {
	return startWatchedRole<CreateFloor>("create-floor", [], []);
}

/** It keeps every reply as objects, for which V8's usual bounds are too low. */
export function startNaive({ checkpointDir, engineUrl, r3 }: SubjectOptions): Promise<Subject> {
	const args = [engineUrl, r3 ? "full" : "off", checkpointDir];
	return startWatchedRole<NaiveServer>("naive-server", args, ["--max-old-space-size=12000"]);
}

async function startWatchedRole<Ready extends { url: string }>(
	name: string,
	args: readonly string[],
	execArgv: readonly string[],
): Promise<Subject> {
	const dir = mkdtempSync(join(tmpdir(), "rollpin-bench-role-"));
	const role = await startRole<Ready>(name, args, execArgv, watchEnv(dir));
	return {
		label: name.replace("-", " "),
		url: role.ready.url,
		processes: new Map([[name, new Watched(role.pid, dir)]]),
		async stop() {
			await role.stop();
			rmSync(dir, { recursive: true, force: true });
		},
	};
}
