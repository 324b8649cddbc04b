// Sandboxes as child processes of this machine, each in a directory of its own. Isolates nothing: for laptops, tests and the demo.
import { spawn } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { lstat, mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { RollpinError } from "../../base/errors.js";
import {
	type CreatePhase,
	type ExecCommand,
	type ExecEnd,
	type ExecOutput,
	type FoundSandbox,
	KILL_MARGIN_MS,
	type SandboxBackend,
	type SandboxEnd,
	type SandboxFeature,
	type SandboxSpec,
} from "../backend.js";
import { isSandboxId } from "../ids.js";
import { findProcesses, killProcesses } from "./processes.js";
import { runCommand } from "./run-command.js";
import { SANDBOX_MARK, startWatchdog, WATCHDOG_MARK, watchdogOf } from "./watchdog.js";

/** Stored beside the workspace; whoever finds the sandbox knows from it what to do. */
interface Meta {
	instance: string;
	createdMs: number;
	ceilingMs: number;
	workdir: string;
	env: Record<string, string>;
	memoryMib: number;
	diskMib: number;
}

const LACKS: ReadonlySet<SandboxFeature> = new Set(["image", "user", "runtime", "no_network", "cpu", "pids"]);
/** What the watchdog, the limits and the files go through. */
const PROGRAMS = ["prlimit", "bash", "tar", "grep", "find", "sleep", "date", "chmod", "rm"];

export class LocalBackend implements SandboxBackend {
	readonly name = "local";
	readonly canExtend = true;
	readonly lacks = LACKS;
	readonly #root: string;

	/** @param root absolute path of a directory for the sandboxes of this user, whoever made them; it is made when missing */
	constructor(root: string) {
		this.#root = root;
	}

	async probe(): Promise<void> {
		if (process.platform !== "linux") {
			throw unavailable(
				`--sandbox local finds its processes in Linux's /proc; this is ${process.platform}: use docker`,
			);
		}
		const missing = PROGRAMS.filter((name) => programPath(name) === null);
		if (missing.length > 0) {
			throw unavailable(`--sandbox local needs ${missing.join(", ")}: install them, or mend PATH`);
		}
		await mkdir(this.#root, { recursive: true, mode: 0o700 });
		const found = await lstat(this.#root);
		if (!found.isDirectory() || found.uid !== process.geteuid?.() || (found.mode & 0o022) !== 0) {
			throw unavailable(`${this.#root} is somebody else's, or others may write there: remove it`);
		}
	}

	async nowMs(): Promise<number> {
		return Date.now();
	}

	async create(spec: SandboxSpec, phase: (name: CreatePhase) => void, signal: AbortSignal): Promise<void> {
		const { id, instance, ceilingMs, workdir, resources } = spec;
		const directory = this.#directory(id);
		phase("create");
		await mkdir(directory, { recursive: true, mode: 0o700 });
		const meta: Meta = {
			instance,
			createdMs: Date.now(),
			ceilingMs,
			workdir,
			env: { ...spec.env },
			memoryMib: resources.memoryMib,
			diskMib: resources.diskMib,
		};
		await replace(join(directory, "meta.json"), JSON.stringify(meta));
		await mkdir(join(directory, "tmp"), { recursive: true });
		await mkdir(this.#workspace(id), { recursive: true });
		await replace(join(directory, "deadline"), deadlineText(spec.deadlineMs));
		signal.throwIfAborted();
		phase("start");
		if ((await watchdogOf(directory, id)) === null) await startWatchdog(directory, id);
	}

	async setDeadline(id: string, deadlineMs: number): Promise<void> {
		const watchdog = await this.#alive(id);
		await replace(join(this.#directory(id), "deadline"), deadlineText(deadlineMs));
		process.kill(watchdog, "SIGUSR1");
	}

	async exec(id: string, command: ExecCommand, output: ExecOutput, signal: AbortSignal): Promise<ExecEnd> {
		await this.#alive(id);
		const meta = await this.#meta(id).catch(() => {
			throw new RollpinError("sandbox_lost", `what is stored of sandbox ${id} is damaged`);
		});
		const cwd = resolve(this.#workspace(id), command.cwd ?? meta.workdir);
		if (!(await isDirectory(cwd))) {
			await output("stderr", Buffer.from(`the command cannot be started: no directory ${cwd}\n`));
			return { exitCode: 126, oom: false };
		}
		const argv: [string, ...string[]] = [
			programPath("prlimit") ?? "prlimit",
			"--core=0",
			`--data=${meta.memoryMib * 1024 * 1024}`,
			`--fsize=${meta.diskMib * 1024 * 1024}`,
			"--",
			...command.argv,
		];
		const env = {
			PATH: process.env["PATH"] ?? "/usr/local/bin:/usr/bin:/bin",
			HOME: this.#workspace(id),
			TMPDIR: join(this.#directory(id), "tmp"),
			LANG: "C.UTF-8",
			...meta.env,
			...command.env,
			ROLLPIN_SANDBOX: id,
			ROLLPIN_EXEC: command.execId,
		};
		const kill = (): Promise<void> => killProcesses({ mark: `ROLLPIN_EXEC=${command.execId}` });
		return await runCommand({ argv, cwd, env, stdin: command.stdin }, output, kill, signal);
	}

	async survivors(id: string, execId: string): Promise<number> {
		return findProcesses({ mark: `ROLLPIN_EXEC=${execId}`, below: this.#directory(id) }).length;
	}

	async putTar(id: string, tar: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void> {
		await this.#alive(id);
		const child = spawn("tar", ["-xf", "-", "--no-same-owner", "-C", this.#workspace(id)], {
			stdio: ["pipe", "ignore", "pipe"],
			env: this.#ownEnv(id),
			signal,
		});
		let complaint = "";
		child.stderr.setEncoding("utf8").on("data", (text: string) => {
			complaint = (complaint + text).slice(0, 1000);
		});
		const ended = endOf(child);
		// It may be called off while the tar's next bytes are waited for.
		ended.catch(() => undefined);
		child.stdin.on("error", () => undefined);
		for await (const bytes of tar) {
			if (child.exitCode !== null || child.signalCode !== null) break;
			if (!child.stdin.write(bytes)) await Promise.race([drained(child.stdin), ended]);
		}
		child.stdin.end();
		if ((await ended) !== 0) {
			throw new RollpinError("invalid_request", `the tar cannot be extracted: ${complaint.trim()}`);
		}
	}

	async *getTar(id: string, path: string, signal: AbortSignal): AsyncIterable<Uint8Array> {
		await this.#alive(id);
		try {
			await lstat(join(this.#workspace(id), path));
		} catch {
			throw new RollpinError("sandbox_path_not_found", `there is no ${path} in sandbox ${id}`);
		}
		const child = spawn("tar", ["-cf", "-", "-C", this.#workspace(id), "--", path], {
			stdio: ["ignore", "pipe", "ignore"],
			env: this.#ownEnv(id),
			signal,
		});
		const ended = endOf(child);
		ended.catch(() => undefined);
		try {
			for await (const bytes of child.stdout) yield bytes as Uint8Array;
			const code = await ended;
			if (code !== 0) throw unavailable(`tar of ${path} ended with exit code ${code}`);
		} finally {
			child.kill("SIGKILL");
		}
	}

	async remove(id: string): Promise<boolean> {
		const directory = this.#directory(id);
		const was = await isDirectory(directory);
		await killProcesses({ mark: WATCHDOG_MARK + id });
		await killProcesses({ mark: SANDBOX_MARK + id, below: directory });
		await removeTree(directory);
		return was;
	}

	async *list(): AsyncIterable<FoundSandbox> {
		for (const id of await readdir(this.#root)) {
			if (!isSandboxId(id)) continue;
			const found = await this.#found(id);
			if (found !== null) yield found;
		}
	}

	async ended(id: string): Promise<SandboxEnd | null> {
		const directory = this.#directory(id);
		if ((await watchdogOf(directory, id)) !== null) return null;
		return { reason: (await isDirectory(directory)) ? "lost" : "removed", atMs: Date.now() };
	}

	async close(): Promise<void> {}

	/** Null: it has gone meanwhile. */
	async #found(id: string): Promise<FoundSandbox | null> {
		const directory = this.#directory(id);
		const running = (await watchdogOf(directory, id)) !== null;
		try {
			const made = await stat(directory);
			const meta = await this.#meta(id).catch((): Partial<Meta> => ({}));
			return {
				id,
				instance: typeof meta.instance === "string" ? meta.instance : null,
				createdMs: typeof meta.createdMs === "number" ? meta.createdMs : made.ctimeMs,
				ceilingMs: typeof meta.ceilingMs === "number" ? meta.ceilingMs : null,
				running,
			};
		} catch (error) {
			if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
			throw error;
		}
	}

	async #meta(id: string): Promise<Meta> {
		return JSON.parse(await readFile(join(this.#directory(id), "meta.json"), "utf8")) as Meta;
	}

	/** @returns its watchdog. Without one nothing would end it: no more commands then. */
	async #alive(id: string): Promise<number> {
		const watchdog = await watchdogOf(this.#directory(id), id);
		if (watchdog === null) throw new RollpinError("sandbox_lost", `sandbox ${id} is gone`);
		return watchdog;
	}

	/** Of tar: it belongs to the sandbox and ends with it. */
	#ownEnv(id: string): Record<string, string> {
		return { PATH: process.env["PATH"] ?? "/usr/bin:/bin", LANG: "C.UTF-8", ROLLPIN_SANDBOX: id };
	}

	#directory(id: string): string {
		if (!isSandboxId(id)) throw new RollpinError("sandbox_not_found", `${id} is no id of a sandbox`);
		return join(this.#root, id);
	}

	#workspace(id: string): string {
		return join(this.#directory(id), "workspace");
	}
}

function unavailable(message: string): RollpinError {
	return new RollpinError("sandbox_backend_unavailable", message);
}

function deadlineText(deadlineMs: number): string {
	return `${Math.floor(deadlineMs - KILL_MARGIN_MS)}\n`;
}

/** Whole at every moment for who reads it; no power loss matters, the processes would be gone too. */
async function replace(path: string, text: string): Promise<void> {
	await writeFile(`${path}.new`, text);
	await rename(`${path}.new`, path);
}

function programPath(name: string): string | null {
	for (const directory of (process.env["PATH"] ?? "/usr/bin:/bin").split(":")) {
		const path = join(directory, name);
		try {
			accessSync(path, constants.X_OK);
			return path;
		} catch {
			// Perhaps in the next one.
		}
	}
	return null;
}

async function isDirectory(path: string): Promise<boolean> {
	return await stat(path).then(
		(found) => found.isDirectory(),
		() => false,
	);
}

/** Also what its owner may not write. */
async function removeTree(path: string): Promise<void> {
	try {
		await rm(path, { recursive: true, force: true });
	} catch {
		await endOf(spawn("chmod", ["-R", "u+rwx", "--", path], { stdio: "ignore" }));
		await rm(path, { recursive: true, force: true });
	}
}

function endOf(child: ReturnType<typeof spawn>): Promise<number | null> {
	return new Promise((resolve, reject) => {
		child.once("error", reject);
		child.once("close", (code) => resolve(code));
	});
}

function drained(stream: NodeJS.WritableStream): Promise<void> {
	return new Promise((resolve) => {
		stream.once("drain", resolve);
		stream.once("close", resolve);
	});
}
