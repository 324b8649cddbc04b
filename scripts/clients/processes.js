// What the clients talk to: a simulated engine and a cluster as child processes, and the counting proxy before it.
import { spawn } from "node:child_process";
import { mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { startProxy } from "./counting-proxy.js";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const START_MS = 60_000;

/** The first log record of an event; rejects when the process ends or says nothing for too long. */
function started(child, event) {
	return new Promise((resolve, reject) => {
		const timer = setTimeout(() => reject(new Error(`no ${event} within ${START_MS} ms`)), START_MS);
		child.once("error", reject);
		child.once("exit", (code) => reject(new Error(`it ended before ${event}, exit code ${code}`)));
		createInterface({ input: child.stdout }).on("line", (line) => {
			if (!line.includes(`"event":"${event}"`)) return;
			clearTimeout(timer);
			resolve(JSON.parse(line));
		});
	});
}

function rollpin(args, logFile) {
	const program = join(ROOT, "bin", "rollpin.js");
	const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("ROLLPIN_"));
	return spawn(process.execPath, [program, ...args], {
		env: Object.fromEntries(inherited),
		stdio: ["ignore", "pipe", openSync(logFile, "a")],
	});
}

async function ended(child) {
	if (child.exitCode !== null || child.signalCode !== null) return;
	const exit = new Promise((resolve) => child.once("exit", resolve));
	child.kill("SIGTERM");
	const timer = setTimeout(() => child.kill("SIGKILL"), 10_000);
	await exit;
	clearTimeout(timer);
}

/** A cluster with sandboxes and a token: { url, stop }. */
export async function startSandboxes(flags, token, name, logDir) {
	const dataDir = mkdtempSync(join(tmpdir(), "rollpin-clients-"));
	const tokenFile = join(dataDir, "token");
	writeFileSync(tokenFile, token, { mode: 0o600 });
	const place = [
		"--port",
		"0",
		"--backends",
		"1",
		"--log-format",
		"json",
		"--data-dir",
		join(dataDir, "data"),
	];
	const args = ["serve", ...place, "--auth-token-file", tokenFile, ...flags];
	const cluster = rollpin(args, join(logDir, `sandboxes-${name}.log`));
	const stop = async () => {
		await ended(cluster);
		rmSync(dataDir, { recursive: true, force: true });
	};
	try {
		return { url: (await started(cluster, "cluster_ready")).url, stop };
	} catch (error) {
		await stop();
		throw error;
	}
}

/**
 * A place for clients: { url, controlUrl, sessionUrl, counts, stop }. Default settings but for the mode.
 * @param {{ mode: "linear" | "tree", reasoning: boolean }} setting
 */
export async function startPlace({ mode, reasoning }, logDir) {
	const name = `${reasoning ? "reasoning" : "plain"}-${mode}`;
	const log = (part) => join(logDir, `${name}.${part}.log`);
	const dataDir = mkdtempSync(join(tmpdir(), "rollpin-clients-"));
	const children = [];
	const stop = async () => {
		for (const child of children.reverse()) await ended(child);
		rmSync(dataDir, { recursive: true, force: true });
	};
	try {
		const simFlags = ["--port", "0", "--control-port", "0", ...(reasoning ? ["--reasoning"] : [])];
		const sim = rollpin(["sim", ...simFlags], log("engine"));
		children.push(sim);
		const engine = await started(sim, "sim_engine");
		const serveFlags = ["--port", "0", "--backends", "1", "--log-format", "json", "--mode", mode];
		const place = ["--upstream", engine.url, "--data-dir", dataDir];
		const checkpoint = ["--checkpoint", join(ROOT, "checkpoints", "toy"), "--tito-model", "qwen3"];
		const cluster = rollpin(["serve", ...serveFlags, ...place, ...checkpoint], log("cluster"));
		children.push(cluster);
		const { url } = await started(cluster, "cluster_ready");
		const proxy = await startProxy(url);
		const sessionUrl = (id) => `${url}/sessions/${id}`;
		const stopAll = async () => {
			proxy.close();
			await stop();
		};
		return {
			name,
			mode,
			reasoning,
			url: proxy.url,
			controlUrl: engine.control_url,
			sessionUrl,
			counts: proxy.counts,
			stop: stopAll,
		};
	} catch (error) {
		await stop();
		throw error;
	}
}
