// What the engine is asked to make of a sandbox's spec: the body of POST /containers/create, and its labels read back. Pure.
import { RollpinError } from "../../base/errors.js";
import { KILL_MARGIN_MS, type SandboxSpec } from "../backend.js";
import { DEADLINE_DIRECTORY, pid1 } from "./scripts.js";

export const WORKSPACE = "/workspace";
/** Of nobody in any image; also the group. */
const AGENT_USER = "65532:65532";
/** Labels cannot be changed once it runs: the ceiling stands there, never the deadline. */
export const LABEL = {
	sandbox: "rollpin.io/sandbox",
	instance: "rollpin.io/instance",
	ceiling: "rollpin.io/ceiling",
	session: "rollpin.io/session",
	commands: "rollpin.io/commands",
	/** In front of a client's label. */
	client: "rollpin.io/label/",
} as const;

/** `/tmp` and `/dev/shm`; in memory as the workspace is. */
const TMP_MIB = 64;
const SHM_MIB = 64;
/** The engine's own is ten times as long: among 150 busy processes PID 1 waited for its turn beyond the deadline. */
const CPU_PERIOD_US = 10_000;
/** The kernel's least quota, 1 ms of a period. With less even a few busy processes keep PID 1 from coming to itself in time; docs/sandboxes.md says what is known of more. */
const MIN_CPU = 0.1;
const MIB = 1024 * 1024;

/** What every command of a sandbox needs: kept in a label, since whoever asks for a command knows the id only. */
export interface CommandSettings {
	user: string;
	workdir: string;
	env: Readonly<Record<string, string>>;
}

/**
 * @param image its id, so that what was looked at is what runs
 * @param volumes directories that the image declares as volumes
 * @throws RollpinError `invalid_request`
 */
export function containerBody(spec: SandboxSpec, image: string, volumes: readonly string[]): unknown {
	const { uid, gid } = agentUser(spec.user);
	const { cpu, memoryMib, pids, diskMib } = spec.resources;
	if (cpu < MIN_CPU) {
		const text = `cpu ${cpu}: at least ${MIN_CPU} is needed; with less a sandbox full of busy processes cannot end in time`;
		throw new RollpinError("invalid_request", text, { param: "resources.cpu" });
	}
	// What lies in the workspace and in /tmp is in memory. All that was asked of each can be had at the same time.
	const memory = (memoryMib + diskMib + TMP_MIB) * MIB;
	const tmpfs = `rw,exec,nosuid,nodev,uid=${uid},gid=${gid}`;
	// Of no limit and on the disk otherwise.
	const ofVolumes = volumes.map((path) => [path, `${tmpfs},mode=0755,size=${TMP_MIB}m`]);
	return {
		Image: image,
		Entrypoint: pid1(selfKillUs(spec.deadlineMs)),
		Cmd: [],
		User: "0:0",
		WorkingDir: WORKSPACE,
		Hostname: "sandbox",
		Healthcheck: { Test: ["NONE"] },
		StopTimeout: 1,
		Labels: labels(spec),
		HostConfig: {
			AutoRemove: true,
			NetworkMode: spec.network,
			CapDrop: ["ALL"],
			SecurityOpt: ["no-new-privileges"],
			ReadonlyRootfs: true,
			Tmpfs: {
				...Object.fromEntries(ofVolumes),
				[WORKSPACE]: `${tmpfs},mode=0755,size=${diskMib}m`,
				"/tmp": `rw,exec,nosuid,nodev,mode=1777,size=${TMP_MIB}m`,
				[DEADLINE_DIRECTORY]: "rw,noexec,nosuid,nodev,mode=0700,size=64k",
			},
			ShmSize: SHM_MIB * MIB,
			Memory: memory,
			MemorySwap: memory,
			CpuPeriod: CPU_PERIOD_US,
			CpuQuota: Math.round(cpu * CPU_PERIOD_US),
			PidsLimit: pids,
			Ulimits: [{ Name: "core", Soft: 0, Hard: 0 }],
			CgroupnsMode: "private",
			IpcMode: "private",
			LogConfig: { Type: "none" },
			...(spec.runtime === null ? {} : { Runtime: spec.runtime }),
		},
	};
}

/** When the thing ends itself, in whole microseconds since the epoch, as its PID 1 reads it. */
export function selfKillUs(deadlineMs: number): number {
	return Math.floor(deadlineMs - KILL_MARGIN_MS) * 1_000;
}

export function commandSettings(spec: SandboxSpec): CommandSettings {
	const { uid, gid } = agentUser(spec.user);
	return { user: `${uid}:${gid}`, workdir: spec.workdir, env: spec.env };
}

/** Null: not made by this program, or by another version of it. */
export function readCommandSettings(label: unknown): CommandSettings | null {
	try {
		const { user, workdir, env } = JSON.parse(String(label)) as Partial<CommandSettings>;
		if (typeof user !== "string" || typeof workdir !== "string" || typeof env !== "object") return null;
		return { user, workdir, env };
	} catch {
		return null;
	}
}

/** Ms since the epoch. Null: missing, or no such number; the reaper reckons from the creation then. */
export function readCeiling(label: unknown): number | null {
	return typeof label === "string" && /^\d{1,15}$/.test(label) ? Number(label) : null;
}

function labels(spec: SandboxSpec): Record<string, string> {
	const ofClient = Object.entries(spec.labels).map(([name, value]) => [LABEL.client + name, value]);
	return {
		...Object.fromEntries(ofClient),
		[LABEL.sandbox]: spec.id,
		[LABEL.instance]: spec.instance,
		[LABEL.ceiling]: String(Math.floor(spec.ceilingMs)),
		[LABEL.commands]: JSON.stringify(commandSettings(spec)),
		...(spec.sessionId === null ? {} : { [LABEL.session]: spec.sessionId }),
	};
}

/**
 * By number only: what an image's names stand for is its own affair, and root may stop the clock of PID 1.
 * @throws RollpinError `invalid_request`
 */
function agentUser(asked: string | null): { uid: number; gid: number } {
	const match = /^(\d{1,9})(?::(\d{1,9}))?$/.exec(asked ?? AGENT_USER);
	const uid = Number(match?.[1] ?? 0);
	if (uid === 0) {
		throw new RollpinError(
			"invalid_request",
			`user ${JSON.stringify(asked)}: a number other than 0, or <uid>:<gid>, is needed; leave it out for ${AGENT_USER}`,
			{ param: "user" },
		);
	}
	return { uid, gid: Number(match?.[2] ?? uid) };
}
