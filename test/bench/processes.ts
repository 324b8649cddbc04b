// The other processes of a benchmark: forked roles, nginx, and what CPU time a process has used. Measures nothing itself.
import { type ChildProcess, fork, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export interface Role<Ready> {
	pid: number;
	/** What the role said when it was ready. */
	ready: Ready;
	send(message: string | object): void;
	/** Its next message. */
	next<Message>(): Promise<Message>;
	stop(): Promise<void>;
}

/** Forks a role of this folder; its first message means that it is ready. */
export async function startRole<Ready>(
	name: string,
	args: readonly string[],
	execArgv: readonly string[] = [],
	env: Readonly<Record<string, string>> = {},
): Promise<Role<Ready>> {
	const path = fileURLToPath(new URL(`./${name}.js`, import.meta.url));
	const child = fork(path, [...args], {
		execArgv: [...execArgv],
		env: { ...process.env, ...env },
		stdio: ["ignore", "inherit", "inherit", "ipc"],
	});
	const ready = await new Promise<Ready>((resolve, reject) => {
		child.once("message", (message) => resolve(message as Ready));
		child.once("exit", (code) => reject(new Error(`${name} ended with ${code} before it was ready`)));
	});
	return {
		pid: child.pid ?? 0,
		ready,
		send: (message) => void child.send(message),
		next: () => new Promise((resolve) => child.once("message", (message) => resolve(message as never))),
		stop: () => end(child, "SIGTERM"),
	};
}

/** In a role: says that it is ready, and ends with its parent or when told. */
export function ready(message: object, close: () => Promise<void> | void = () => undefined): void {
	const exit = async (): Promise<void> => {
		await close();
		process.exit(0);
	};
	process.once("SIGTERM", exit);
	process.once("disconnect", exit);
	process.send?.(message);
}

export interface Nginx {
	version: string;
	port: number;
	/** The one worker process. */
	workerPid: number;
	stop(): Promise<void>;
}

/** nginx with one worker in front of a unix socket; null when it is not installed. */
export async function startNginx(socketPath: string): Promise<Nginx | null> {
	const probe = spawnSync("nginx", ["-v"], { encoding: "utf8" });
	if (probe.error !== undefined) return null;
	const dir = mkdtempSync(join(tmpdir(), "rollpin-nginx-"));
	const port = await freePort();
	writeFileSync(join(dir, "nginx.conf"), nginxConfig(dir, port, socketPath));
	const child = spawn("nginx", ["-p", dir, "-c", join(dir, "nginx.conf"), "-e", join(dir, "error.log")], {
		stdio: ["ignore", "inherit", "inherit"],
	});
	await listening(port, child);
	const children = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, "utf8").trim().split(" ");
	return {
		version: probe.stderr.trim().replace("nginx version: ", ""),
		port,
		workerPid: Number(children[0]),
		async stop() {
			await end(child, "SIGQUIT");
			rmSync(dir, { recursive: true, force: true });
		},
	};
}

function nginxConfig(dir: string, port: number, socketPath: string): string {
	const temp = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
		(kind) => `${kind}_temp_path ${dir}/${kind};`,
	);
	return `
daemon off;
${process.getuid?.() === 0 ? "user root;" : ""}
worker_processes 1;
pid ${dir}/nginx.pid;
error_log ${dir}/error.log;
events { worker_connections 1024; }
http {
	access_log off;
	${temp.join(" ")}
	client_max_body_size 1g;
	keepalive_requests 100000000;
	upstream backend { server unix:${socketPath}; keepalive 128; keepalive_requests 100000000; }
	server {
		listen 127.0.0.1:${port};
		location / {
			proxy_pass http://backend;
			proxy_http_version 1.1;
			proxy_set_header Connection "";
		}
	}
}
`;
}

/** User and system time of a process in ms; null where /proc does not tell. */
export function cpuMs(pid: number): number | null {
	try {
		const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
		const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
		// Clock ticks, a hundred a second on every Linux.
		return (Number(fields[11]) + Number(fields[12])) * 10;
	} catch {
		return null;
	}
}

function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
	return new Promise((resolve) => {
		if (child.exitCode !== null || child.signalCode !== null) return resolve();
		const kill = setTimeout(() => child.kill("SIGKILL"), 5_000);
		child.once("exit", () => {
			clearTimeout(kill);
			resolve();
		});
		child.kill(signal);
	});
}

function freePort(): Promise<number> {
	return new Promise((resolve, reject) => {
		const server = createServer();
		server.once("error", reject);
		server.listen(0, "127.0.0.1", () => {
			const address = server.address();
			server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
		});
	});
}

async function listening(port: number, child: ChildProcess): Promise<void> {
	for (let attempt = 0; attempt < 100; attempt++) {
		const open = await new Promise<boolean>((resolve) => {
			const socket = connect(port, "127.0.0.1");
			socket.once("connect", () => resolve(socket.destroy().destroyed));
			socket.once("error", () => resolve(false));
		});
		if (open) return;
		if (child.exitCode !== null) throw new Error(`nginx ended with ${child.exitCode}`);
		await new Promise((resolve) => setTimeout(resolve, 50));
	}
	throw new Error("nginx did not listen within 5 s");
}
