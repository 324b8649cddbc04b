// Runs clients of OpenSandbox, unmodified from PyPI, against clusters with --sandbox local and docker, and writes docs/clients.md.
// npm run try:sandboxes   Installs into a cache directory; not part of `npm test`.
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { install } from "./clients/environments.js";
import { writeImageContext, writeTask } from "./clients/harbor-task.js";
import { writeBlock } from "./clients/page.js";
import { startSandboxes } from "./clients/processes.js";
import { ENVIRONMENTS } from "./clients/table.js";

const HELP = `Usage: npm run try:sandboxes [-- options]

Starts a cluster with --sandbox local and, as root with dockerd (Debian: docker.io), one with --sandbox docker on an engine
of its own; runs the SDK of OpenSandbox against both, and a task of harbor against the second.

  --cache <dir>    environments and logs (default: rollpin-clients in the temporary directory)
  --no-write       docs/clients.md stays as it is
  --help           print this help

PYTHON names the interpreter (3.12 or newer). Exit code 1: something did not go as it must.
`;
const ROOT = fileURLToPath(new URL("..", import.meta.url));
const TOKEN = "a-token-of-this-run";
const { values } = parseArgs({
	options: {
		cache: { type: "string", default: join(tmpdir(), "rollpin-clients") },
		"no-write": { type: "boolean" },
		help: { type: "boolean" },
	},
});

/** { what, said, ok } for each thing that the SDK did. */
function runSdk(python, url, image, resources) {
	const driver = join(ROOT, "scripts/clients/drivers/opensandbox_sdk.py");
	const args = [driver, new URL(url).host, image, JSON.stringify(resources), TOKEN];
	const { status, stdout, stderr } = spawnSync(python, args, { encoding: "utf8", timeout: 300_000 });
	const rows = stdout.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line)]));
	if (status !== 0) throw new Error(`the SDK ended with ${status}: ${stderr.slice(-3000)}`);
	return rows;
}

/** One row: the reward of a task that a script solves. */
function runHarbor(bin, url, image, dir) {
	writeTask(join(dir, "task"), image);
	const own = { protocol: "http", use_server_proxy: "true", sandbox_timeout_sec: "600" };
	own.extensions = '{"rollpin.root_commands":"as_user"}';
	const settings = Object.entries(own).flatMap(([name, value]) => ["--ek", `${name}=${value}`]);
	const args = ["run", "-p", join(dir, "task"), "-a", "oracle", "-e", "opensandbox", ...settings];
	const env = { ...process.env, OPENSANDBOX_DOMAIN: new URL(url).host, OPENSANDBOX_API_KEY: TOKEN };
	const { stdout, stderr } = spawnSync(join(bin, "harbor"), [...args, "-o", join(dir, "jobs"), "-y", "-q"], {
		encoding: "utf8",
		timeout: 300_000,
		env,
	});
	const reward = readdirSync(join(dir, "jobs"), { recursive: true, encoding: "utf8" }).find((path) =>
		path.endsWith("reward.txt"),
	);
	const said = reward === undefined ? "no reward" : readFileSync(join(dir, "jobs", reward), "utf8").trim();
	if (said !== "1") console.error(stdout, stderr);
	return { what: "harbor run -e opensandbox -a oracle: the task's reward", said, ok: said === "1" };
}

/** Null, and why on stderr, where there can be none. */
async function startEngine() {
	const missing = ["dockerd", "docker"].find((name) => spawnSync(name, ["--version"]).status !== 0);
	if (missing !== undefined || process.getuid() !== 0) {
		console.error(`--sandbox docker is left out: it needs ${missing ?? "root"}`);
		return null;
	}
	const { ContainerEngine } = await import(join(ROOT, ".bench/test/support/container-engine.js"));
	const engine = new ContainerEngine();
	await engine.start();
	return engine;
}

async function tryDocker(bin, dir, logDir) {
	const engine = await startEngine();
	if (engine === null) return null;
	let cluster = null;
	try {
		const [base, image] = ["rollpin-test/shell:1", "rollpin-test/harbor:1"];
		engine.importShellImage(base);
		writeImageContext(join(dir, "image"), base);
		engine.run("build", "--network", "none", "-t", image, join(dir, "image"));
		const flags = ["--sandbox", "docker", "--sandbox-docker-socket", engine.socketPath];
		const images = ["--sandbox-image", image, "--sandbox-pull", "never"];
		cluster = await startSandboxes([...flags, ...images], TOKEN, "docker", logDir);
		const sdk = runSdk(join(bin, "python"), cluster.url, image, { cpu: "1", memory: "512Mi" });
		return [...sdk, runHarbor(bin, cluster.url, image, dir)];
	} finally {
		await cluster?.stop();
		await engine.stop();
	}
}

async function tryLocal(bin, logDir) {
	const cluster = await startSandboxes(["--sandbox", "local"], TOKEN, "local", logDir);
	try {
		return runSdk(join(bin, "python"), cluster.url, "local", { memory: "512Mi" });
	} finally {
		await cluster.stop();
	}
}

function tableOf(local, docker) {
	const cell = (row) =>
		row === undefined ? "not run" : row.ok ? `\`${row.said}\`` : `**wrong:** \`${row.said}\``;
	const lines = (docker ?? local).map(({ what }) => {
		const cells = [local, docker ?? []].map((rows) => cell(rows.find((row) => row.what === what)));
		return `| ${[what, ...cells].map((text) => text.replaceAll("|", "\\|").replaceAll("\n", " ")).join(" | ")} |`;
	});
	const versions = ENVIRONMENTS.sandboxes.packages.join(", ").replaceAll("==", " ");
	const date = new Date().toISOString().slice(0, 10);
	return [`${versions}; ${date}`, "", "| what | local | docker |", "|---|---|---|", ...lines].join("\n");
}

async function main() {
	const logDir = join(values.cache, "logs");
	mkdirSync(logDir, { recursive: true });
	const bin = join(await install("sandboxes", values.cache, console.error), "bin");
	const dir = mkdtempSync(join(tmpdir(), "rollpin-sandbox-clients-"));
	try {
		const local = await tryLocal(bin, logDir);
		const docker = await tryDocker(bin, dir, logDir);
		const table = tableOf(local, docker);
		console.log(table);
		if (!values["no-write"]) writeBlock("sandbox-clients", table);
		process.exitCode = [...local, ...(docker ?? [])].every(({ ok }) => ok) ? 0 : 1;
	} finally {
		rmSync(dir, { recursive: true, force: true });
	}
}

if (values.help) console.log(HELP);
else await main();
