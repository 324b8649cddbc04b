// A container engine of one test file, on a socket of its own, and a base image made of this machine's files: no registry is asked.
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import {
	chmodSync,
	chownSync,
	copyFileSync,
	cpSync,
	existsSync,
	mkdirSync,
	mkdtempSync,
	readFileSync,
	rmSync,
	symlinkSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { until } from "./wait.js";

/**
 * Why a test that needs a container engine is left out, or null where it runs; says so on stderr.
 * @param script the npm script that asks for it
 */
export function whyNoContainers(script: string): string | null {
	const why =
		process.env["ROLLPIN_CONTAINERS"] === undefined
			? `it takes a container engine and its time; npm run ${script} does it`
			: whyNoEngine();
	if (why !== null) process.stderr.write(`skipped: ${why}\n`);
	return why;
}

function whyNoEngine(): string | null {
	if (process.getuid?.() !== 0) return "a container engine of our own needs root";
	for (const program of ["dockerd", "docker"])
		if (spawnSync(program, ["--version"]).status !== 0)
			return `${program} is not installed (Debian: docker.io)`;
	return null;
}

/** Beside what bash has itself. */
const SHELL_PROGRAMS =
	"base64 cat chmod dd env false head id kill ln ls mkdir mkfifo mv nice nproc printf rm seq setsid sleep sort stat tail tar tee timeout touch tr true wc yes".split(
		" ",
	);

export class ContainerEngine {
	readonly #dir = mkdtempSync(join(tmpdir(), "rollpin-docker-"));
	readonly socketPath = join(this.#dir, "d.sock");
	readonly #socket = `unix://${this.socketPath}`;
	#daemon: ChildProcess | undefined;

	/** Without a bridge: two engines on one machine would fight for its address, and every container has the host's network. */
	start(): Promise<void> {
		return this.#start(["dockerd"], ["--bridge", "none", "--iptables=false"]);
	}

	/** The same engine again, with its images, in a network of its own: bridges and published ports disturb nobody. `reach` enters it. */
	async restartInOwnNetwork(): Promise<void> {
		await this.#end();
		const up = 'ip link set lo up && exec dockerd "$@"';
		await this.#start(["unshare", "--net", "sh", "-c", up, "sh"], []);
	}

	async #start([program = "", ...before]: string[], flags: string[]): Promise<void> {
		const at = (name: string) => join(this.#dir, name);
		const own = ["--host", this.#socket, "--data-root", at("data"), "--exec-root", at("exec")];
		const all = [...before, ...own, "--pidfile", at("pid"), ...flags];
		let log = "";
		const daemon = spawn(program, all, { stdio: ["ignore", "ignore", "pipe"] });
		daemon.stderr.setEncoding("utf8").on("data", (text: string) => {
			log = (log + text).slice(-4_000);
		});
		this.#daemon = daemon;
		await until("the container engine", 60_000, async () => {
			if (daemon.exitCode !== null) throw new Error(`dockerd ended with ${daemon.exitCode}: ${log}`);
			return spawnSync("docker", ["--host", this.#socket, "info"]).status === 0;
		});
	}

	/** SIGKILL leaves its containers as they are, and resolves when it is gone: `start` makes its successor. */
	async signal(name: "SIGSTOP" | "SIGCONT" | "SIGKILL"): Promise<void> {
		const daemon = this.#daemon;
		if (daemon === undefined) throw new Error("the container engine is not started");
		const ended = new Promise((resolve) => daemon.once("exit", resolve));
		daemon.kill(name);
		if (name !== "SIGKILL") return;
		await ended;
		// Its containerd dies with it, but not at once, and the successor would take it for its own.
		const pid = Number(readFileSync(join(this.#dir, "exec", "containerd", "containerd.pid"), "utf8"));
		await until("the engine's containerd to be gone", 10_000, () => !existsSync(`/proc/${pid}`));
	}

	async stop(): Promise<void> {
		await this.#end();
		// One that was killed left its mounts.
		const mounts = readFileSync("/proc/mounts", "utf8")
			.split("\n")
			.map((line) => line.split(" ")[1] ?? "");
		for (const path of mounts.filter((each) => each.startsWith(this.#dir)).reverse())
			spawnSync("umount", [path]);
		// What the daemon mounted may outlive it for a moment.
		rmSync(this.#dir, { recursive: true, force: true, maxRetries: 20, retryDelay: 250 });
	}

	async #end(): Promise<void> {
		const daemon = this.#daemon;
		if (daemon === undefined || daemon.exitCode !== null) return;
		const ended = new Promise((resolve) => daemon.once("exit", resolve));
		daemon.kill("SIGTERM");
		await ended;
		// Its network namespace stays mounted.
		spawnSync("umount", [join(this.#dir, "exec", "netns", "default")]);
	}

	/** Runs `docker ...`; its stdout, of `logs` also what the container wrote to stderr. Throws with both when it fails. */
	run(...args: string[]): string {
		return outputOf("docker", ["--host", this.#socket, ...args], args[0] === "logs");
	}

	/** Runs `docker-compose ...` against this engine; its stdout. */
	compose(...args: string[]): string {
		return outputOf("docker-compose", ["--host", this.#socket, ...args]);
	}

	/** Status and body of a GET from within the engine's own network, "200 ..."; else why there was no answer. */
	reach(url: string, headers: Record<string, string> = {}): string {
		const ask = `fetch(${JSON.stringify(url)}, { headers: ${JSON.stringify(headers)} })
			.then(async (reply) => console.log(reply.status, await reply.text()), (error) => console.log(String(error.cause ?? error)))`;
		const where = ["--target", String(this.#daemon?.pid), "--net"];
		return outputOf("nsenter", [...where, process.execPath, "-e", ask]);
	}

	/** Makes an image of one program of this machine, run as `user` in a directory of that user's. */
	importProgram(tag: string, program: string, { user, home }: { user: number; home: string }): void {
		const root = join(this.#dir, "rootfs");
		this.#putPrograms(root, [program]);
		mkdirSync(join(root, home), { recursive: true });
		chownSync(join(root, home), user, user);
		this.#import(root, tag, [`ENTRYPOINT ["${program}"]`, `USER ${user}`, `WORKDIR ${home}`]);
	}

	/** Makes an image with this machine's bash and the programs that commands of tests use. */
	importShellImage(tag: string): void {
		const root = join(this.#dir, "rootfs");
		this.#putPrograms(root, ["/bin/bash", ...SHELL_PROGRAMS.map((name) => `/usr/bin/${name}`)]);
		symlinkSync("bash", join(root, "bin/sh"));
		// As some images have it: a directory of the image's own in which everybody may write.
		mkdirSync(join(root, "srv"));
		chmodSync(join(root, "srv"), 0o777);
		this.#import(root, tag, ["ENV PATH=/usr/bin:/bin"]);
	}

	/** Makes an image with this machine's node, npm and a shell. */
	importNodeImage(tag: string): void {
		const root = join(this.#dir, "rootfs");
		const put = (from: string, to = from) => putFile(root, from, to);
		const programs = [
			"/bin/sh",
			"/bin/ls",
			"/bin/mkdir",
			"/bin/ln",
			"/bin/chown",
			"/usr/bin/env",
			"/usr/bin/id",
		];
		this.#putPrograms(root, programs);
		put(process.execPath, "/usr/local/bin/node");
		putLibraries(root, process.execPath);
		const npm = execFileSync("npm", ["root", "--global"], { encoding: "utf8" }).trim();
		cpSync(join(npm, "npm"), join(root, "usr/local/lib/node_modules/npm"), {
			recursive: true,
			dereference: true,
		});
		writeFileSync(
			join(root, "usr/local/bin/npm"),
			'#!/bin/sh\nexec node /usr/local/lib/node_modules/npm/bin/npm-cli.js "$@"\n',
			{ mode: 0o755 },
		);
		// What npm trusts and asks here holds in the image too.
		for (const path of [
			"/etc/ssl/certs/ca-certificates.crt",
			"/etc/nsswitch.conf",
			"/root/.npmrc",
			"/etc/npmrc",
		])
			if (existsSync(path)) put(path);
		// All of glibc, as a distribution's image has it: native packages link against more of it than node does.
		const glibc = "ls /lib/*/lib{c,m,rt,dl,pthread,util,resolv,nss_*}.so.[0-9]";
		const { stdout: libraries } = spawnSync("bash", ["-c", glibc], { encoding: "utf8" });
		for (const path of libraries.split("\n")) if (path !== "") put(path);
		writeFileSync(
			join(root, "etc/passwd"),
			"root:x:0:0:root:/root:/bin/sh\nnode:x:1000:1000::/home/node:/bin/sh\n",
		);
		const certificates = "/etc/ssl/certs/ca-certificates.crt";
		const changes = existsSync(certificates) ? [`ENV NODE_EXTRA_CA_CERTS=${certificates}`] : [];
		this.#import(root, tag, ["ENV PATH=/usr/local/bin:/usr/bin:/bin", ...changes]);
	}

	#putPrograms(root: string, programs: readonly string[]): void {
		for (const program of programs) {
			putFile(root, program);
			putLibraries(root, program);
		}
	}

	/** Makes an image of a directory, which is gone then. */
	#import(root: string, tag: string, changes: readonly string[]): void {
		mkdirSync(join(root, "tmp"));
		chmodSync(join(root, "tmp"), 0o1777);
		const tar = `${root}.tar`;
		execFileSync("tar", ["-C", root, "-cf", tar, "."]);
		this.run("import", ...changes.flatMap((change) => ["--change", change]), tar, tag);
		rmSync(root, { recursive: true });
		rmSync(tar);
	}
}

function outputOf(program: string, args: readonly string[], withStderr = false): string {
	const { status, stdout, stderr } = spawnSync(program, args, {
		encoding: "utf8",
		maxBuffer: 64 * 1024 * 1024,
		// What it would be built with elsewhere is the newer builder, which is not in Debian's package.
		env: { ...process.env, DOCKER_BUILDKIT: "0" },
	});
	if (status !== 0)
		throw new Error(
			`${program} ${args.join(" ")}: exit code ${status}\n${stdout.slice(-4_000)}${stderr.slice(-4_000)}`,
		);
	return (withStderr ? stdout + stderr : stdout).trim();
}

function putFile(root: string, from: string, to = from): void {
	mkdirSync(dirname(join(root, to)), { recursive: true });
	copyFileSync(from, join(root, to));
}

/** Those that it is linked with, where this machine has them. */
function putLibraries(root: string, program: string): void {
	const { stdout } = spawnSync("ldd", [program], { encoding: "utf8" });
	for (const [path] of stdout.matchAll(/\/\S+/g)) if (existsSync(path)) putFile(root, path);
}
