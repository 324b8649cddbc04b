// A container engine of one test file, on a socket of its own, and a base image made of this machine's files: no registry is asked.
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import {
	chmodSync,
	copyFileSync,
	cpSync,
	existsSync,
	mkdirSync,
	mkdtempSync,
	rmSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { until } from "./wait.js";

/** Why no container engine can be had here, or null where one can. */
export function whyNoContainers(): string | null {
	if (process.getuid?.() !== 0) return "a container engine of our own needs root";
	for (const program of ["dockerd", "docker"])
		if (spawnSync(program, ["--version"]).status !== 0)
			return `${program} is not installed (Debian: docker.io)`;
	return null;
}

export class ContainerEngine {
	readonly #dir = mkdtempSync(join(tmpdir(), "rollpin-docker-"));
	readonly #socket = `unix://${join(this.#dir, "d.sock")}`;
	#daemon: ChildProcess | undefined;

	async start(): Promise<void> {
		const at = (name: string) => join(this.#dir, name);
		const flags = ["--host", this.#socket, "--data-root", at("data"), "--exec-root", at("exec")];
		// Without a bridge: two engines on one machine would fight for its address, and every container has the host's network.
		flags.push("--pidfile", at("pid"), "--bridge", "none", "--iptables=false");
		let log = "";
		const daemon = spawn("dockerd", flags, { stdio: ["ignore", "ignore", "pipe"] });
		daemon.stderr.setEncoding("utf8").on("data", (text: string) => {
			log = (log + text).slice(-4_000);
		});
		this.#daemon = daemon;
		await until("the container engine", 60_000, async () => {
			if (daemon.exitCode !== null) throw new Error(`dockerd ended with ${daemon.exitCode}: ${log}`);
			return spawnSync("docker", ["--host", this.#socket, "info"]).status === 0;
		});
	}

	async stop(): Promise<void> {
		const daemon = this.#daemon;
		if (daemon !== undefined && daemon.exitCode === null) {
			const ended = new Promise((resolve) => daemon.once("exit", resolve));
			daemon.kill("SIGTERM");
			await ended;
			// Its network namespace stays mounted.
			spawnSync("umount", [join(this.#dir, "exec", "netns", "default")]);
		}
		// What the daemon mounted may outlive it for a moment.
		rmSync(this.#dir, { recursive: true, force: true, maxRetries: 20, retryDelay: 250 });
	}

	/** Runs `docker ...`; its stdout, of `logs` also what the container wrote to stderr. Throws with both when it fails. */
	run(...args: string[]): string {
		const { status, stdout, stderr } = spawnSync("docker", ["--host", this.#socket, ...args], {
			encoding: "utf8",
			maxBuffer: 64 * 1024 * 1024,
			// What it would be built with elsewhere is the newer builder, which is not in Debian's package.
			env: { ...process.env, DOCKER_BUILDKIT: "0" },
		});
		if (status !== 0)
			throw new Error(
				`docker ${args.join(" ")}: exit code ${status}\n${stdout.slice(-4_000)}${stderr.slice(-4_000)}`,
			);
		return (args[0] === "logs" ? stdout + stderr : stdout).trim();
	}

	/** Makes an image with this machine's node, npm and a shell. */
	importNodeImage(tag: string): void {
		const root = join(this.#dir, "rootfs");
		const put = (from: string, to = from) => {
			mkdirSync(dirname(join(root, to)), { recursive: true });
			copyFileSync(from, join(root, to));
		};
		const programs = [
			"/bin/sh",
			"/bin/ls",
			"/bin/mkdir",
			"/bin/ln",
			"/bin/chown",
			"/usr/bin/env",
			"/usr/bin/id",
		];
		for (const program of programs) put(program);
		put(process.execPath, "/usr/local/bin/node");
		for (const program of [...programs, process.execPath]) {
			const { stdout } = spawnSync("ldd", [program], { encoding: "utf8" });
			for (const [path] of stdout.matchAll(/\/\S+/g)) if (existsSync(path)) put(path);
		}
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
		mkdirSync(join(root, "tmp"));
		chmodSync(join(root, "tmp"), 0o1777);
		const certificates = "/etc/ssl/certs/ca-certificates.crt";
		const tar = join(this.#dir, "rootfs.tar");
		execFileSync("tar", ["-C", root, "-cf", tar, "."]);
		const changes = existsSync(certificates) ? ["--change", `ENV NODE_EXTRA_CA_CERTS=${certificates}`] : [];
		this.run("import", "--change", "ENV PATH=/usr/local/bin:/usr/bin:/bin", ...changes, tar, tag);
		rmSync(root, { recursive: true });
		rmSync(tar);
	}
}
