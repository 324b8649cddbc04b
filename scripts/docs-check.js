// npm run docs:check: runs every command of README, CONTRIBUTING, SECURITY and docs/, and says which ran and which did not,
// and why. Every fenced block of a shell, Python or JavaScript carries its mark (scripts/docs/blocks.js). Starts a cluster
// and an engine of its own on free ports and leaves nothing behind.
// With the prefix of a global installation (scripts/try-package.js) the commands and the pages are those of the installed package.
import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { blocksOf } from "./docs/blocks.js";

const [, , prefix] = process.argv;
const root =
	prefix === undefined
		? fileURLToPath(new URL("..", import.meta.url))
		: join(prefix, "lib", "node_modules", "rollpin");
const DEADLINE_MS = 180_000;
const pages = [
	"README.md",
	"CONTRIBUTING.md",
	"SECURITY.md",
	...readdirSync(join(root, "docs")).map((name) => `docs/${name}`),
].filter((name) => name.endsWith(".md"));

const dir = mkdtempSync(join(tmpdir(), "rollpin-docs-"));
for (const name of ["bin", "dist", "node_modules", "checkpoints", "package.json"])
	symlinkSync(join(root, name), join(dir, name));
writeFileSync(join(dir, "rollpin-token"), "docs-check-token");
const children = new Set();
const counts = { ran: 0, skipped: 0, failed: 0 };
const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("ROLLPIN_")));
// `rollpin` and `npx rollpin` are this repository's, or the installation's.
env.PATH = join(dir, "node_modules", ".bin") + delimiter + dir + delimiter + env.PATH;
if (prefix !== undefined) symlinkSync(join(prefix, "bin", "rollpin"), join(dir, "rollpin"));
else
	writeFileSync(join(dir, "rollpin"), `#!/bin/sh\nexec node ${join(root, "bin", "rollpin.js")} "$@"\n`, {
		mode: 0o755,
	});

try {
	const engine = await started("rollpin sim --port 0", "sim_engine");
	const cluster = await started(
		"rollpin serve --port 0 --log-format json --sandbox local",
		"cluster_ready",
		"rollpin.log",
	);
	const stands = [
		["http://127.0.0.1:8080", cluster.url],
		["http://10.0.0.5:30000", engine.url],
		["/models/Qwen3-8B", join(root, "checkpoints", "toy")],
		["/run/secrets/rollpin-token", join(dir, "rollpin-token")],
		["npx rollpin", "rollpin"],
		// Installed it is already, and another `npm ci` would take the running program away.
		["npm ci && npm start", prefix === undefined ? "npm start" : "rollpin serve"],
		["npm run demo", `${prefix === undefined ? "npm run demo --" : "rollpin demo"} --url ${cluster.url}`],
	];
	const python = (await run("python3", ["-c", "import openai"])).code === 0;
	for (const page of pages) {
		for (const block of blocksOf(readFileSync(join(root, page), "utf8"))) {
			const where = `${page}:${block.line}`;
			const text = stands.reduce((all, [from, to]) => all.replaceAll(from, to), block.text);
			await check({ ...block, text }, where, python);
		}
	}
} finally {
	for (const child of children) await ended(child);
	rmSync(dir, { recursive: true, force: true });
}
console.log(`${counts.ran} ran, ${counts.skipped} skipped, ${counts.failed} failed`);
if (counts.failed > 0 || counts.ran === 0) process.exitCode = 1;

async function check({ language, mark, reason, text }, where, python) {
	const said = text.split("\n").find((line) => line.trim() !== "" && !line.startsWith("#")) ?? "";
	const tell = (word, why) => console.log(`${word.padEnd(8)}${where.padEnd(30)} ${why ?? said.slice(0, 90)}`);
	if (mark === "skip") {
		counts.skipped++;
		return tell("skipped", reason);
	}
	if (language === "python" && !python) {
		counts.skipped++;
		return tell("skipped", "python3 with the openai package is not at hand: pip install openai");
	}
	let failure = null;
	if (mark === "cluster") {
		const { code, output } = await run(...commandOf(language, text));
		if (code !== 0) failure = `exit code ${code}\n${output}`;
	} else if (mark === "starts") {
		failure = await started(text, "cluster_ready").then(
			({ child }) => ended(child),
			(error) => error.message,
		);
	} else failure = `mark "${mark}" is not known: cluster, starts or skip: <reason>`;
	counts[failure === null ? "ran" : "failed"]++;
	tell(failure === null ? "ran" : "FAILED");
	if (failure !== null) console.log(failure.replace(/^/gm, "        "));
}

function commandOf(language, text) {
	if (language === "python") return ["python3", ["-c", text]];
	if (language === "js") {
		writeFileSync(join(dir, "snippet.mjs"), text);
		return [process.execPath, ["snippet.mjs"]];
	}
	return ["bash", ["-euo", "pipefail", "-c", text]];
}

function run(command, args) {
	return new Promise((resolve) => {
		const child = spawn(command, args, { cwd: dir, env, stdio: ["ignore", "pipe", "pipe"] });
		const timer = setTimeout(() => child.kill("SIGKILL"), DEADLINE_MS);
		let output = "";
		for (const stream of [child.stdout, child.stderr])
			stream.setEncoding("utf8").on("data", (part) => {
				output += part;
			});
		child.once("error", (error) => resolve({ code: -1, output: error.message }));
		child.once("close", (code) => {
			clearTimeout(timer);
			resolve({ code, output });
		});
	});
}

/** Starts what goes on by itself; resolves with its address once it logs `event`. */
function started(line, event, logFile) {
	return new Promise((resolve, reject) => {
		// A port and a data directory of its own, whatever the line leaves to the defaults.
		const own = { ...env, ROLLPIN_LOG_FORMAT: "json" };
		if (logFile === undefined && event === "cluster_ready") {
			own.ROLLPIN_PORT = "0";
			own.ROLLPIN_DATA_DIR = mkdtempSync(join(dir, "data-"));
		}
		const child = spawn("bash", ["-c", `exec ${line}`], {
			cwd: dir,
			env: own,
			stdio: ["ignore", "pipe", "pipe"],
		});
		children.add(child);
		let output = "";
		const timer = setTimeout(() => reject(new Error(`no ${event} of: ${line}\n${output}`)), DEADLINE_MS);
		child.stdout.setEncoding("utf8").on("data", (part) => {
			output += part;
			if (logFile !== undefined) writeFileSync(join(dir, logFile), part, { flag: "a" });
			const found = output
				.split("\n")
				.find((text) => text.includes(`"event":"${event}"`) && text.endsWith("}"));
			if (found === undefined) return;
			clearTimeout(timer);
			resolve({ child, url: JSON.parse(found).url });
		});
		child.stderr.setEncoding("utf8").on("data", (part) => {
			output += part;
		});
		child.once("close", (code) => {
			clearTimeout(timer);
			children.delete(child);
			reject(new Error(`exit code ${code} of: ${line}\n${output}`));
		});
	});
}

/** SIGTERM, and its end; null, or what was wrong with it. */
function ended(child) {
	return new Promise((resolve) => {
		const timer = setTimeout(() => child.kill("SIGKILL"), DEADLINE_MS);
		child.once("exit", (code) => {
			clearTimeout(timer);
			children.delete(child);
			resolve(code === 0 ? null : `exit code ${code} after SIGTERM`);
		});
		child.kill("SIGTERM");
	});
}
