// npm run test:package [-- 22 24 26]: what `npm i -g rollpin` gives, as somebody without a clone meets it. Packs this tree, installs the
// package under a prefix and a HOME of its own, and runs every command and every block of the docs from there, with each Node.js named
// (without any: this one). Leaves nothing behind. Exit code 1 when anything is not as it should be.
import { spawn, spawnSync } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { nodeOf } from "./package/node-of.js";

const root = fileURLToPath(new URL("..", import.meta.url));
const dir = mkdtempSync(join(tmpdir(), "rollpin-package-"));
const at = (name) => {
	mkdirSync(join(dir, name), { recursive: true });
	return join(dir, name);
};
const prefix = at("prefix");
const program = join(prefix, "bin", "rollpin");
const inherited = Object.entries(process.env).filter(([name]) => !/^(ROLLPIN_|npm_)/i.test(name));
const clean = { ...Object.fromEntries(inherited), HOME: at("home") };
// Of a file npm says that it left out `prepare`, which a package from a registry is never asked for.
const EXPECTED_WARNING = /^npm warn install-scripts/;
const SHELLS = ["bash", "zsh", "fish"];
// For whoever may not write where he stands; for root, who may everywhere, an ordinary user.
const NOBODY = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {};
const children = new Set();
let failures = 0;

function report(passed, what, detail = "") {
	if (!passed) failures++;
	console.log(`${passed ? "passed" : "FAILED"}  ${what}`);
	if (!passed && detail !== "") console.log(detail.replace(/^/gm, "        "));
}

try {
	chmodSync(dir, 0o755);
	const seconds = timed(() => {
		const packed = npm(["pack", "--silent", "--pack-destination", at("packed")], root);
		report(packed.status === 0, "npm pack", packed.stderr);
	});
	const [tarball = ""] = readdirSync(at("packed")).map((name) => join(at("packed"), name));
	const installing = timed(() => {
		const installed = npm(["install", "--global", "--prefix", prefix, tarball], at("elsewhere"));
		const warnings = installed.stderr
			.split("\n")
			.filter((line) => /^npm (warn|error)/.test(line) && !EXPECTED_WARNING.test(line));
		report(
			installed.status === 0 && warnings.length === 0,
			"npm install --global, without a warning",
			installed.stderr,
		);
	});
	console.log(`        packed in ${seconds} s, installed in ${installing} s`);
	const project = at("project");
	writeFileSync(join(project, "package.json"), '{ "private": true }');
	const local = npm(["install", tarball], project);
	const npx = spawnSync("npx", ["--no-install", "rollpin", "--version"], {
		cwd: project,
		env: clean,
		encoding: "utf8",
	});
	report(
		local.status === 0 && /^\d+\.\d+\.\d+\n$/.test(npx.stdout),
		`npx rollpin --version: ${npx.stdout.trim()}`,
		npx.stderr,
	);

	const versions = process.argv.slice(2);
	const bins = versions.map((version) => nodeOf(version, at("nodes")));
	for (const bin of bins.length > 0 ? bins : [null]) {
		const first = [join(prefix, "bin"), ...(bin === null ? [] : [bin])];
		const env = { ...clean, PATH: [...first, clean.PATH].join(delimiter) };
		await tryWith(env, bin === null ? process.execPath : join(bin, "node"));
	}
} finally {
	for (const child of children) child.kill("SIGKILL");
	rmSync(dir, { recursive: true, force: true });
}
console.log(failures === 0 ? "the package gives every command" : `${failures} failed`);
process.exitCode = failures === 0 ? 0 : 1;

/** Everything once with the Node.js that stands first in `env.PATH`. */
async function tryWith(env, node) {
	console.log(`\n== ${spawnSync(node, ["--version"], { encoding: "utf8" }).stdout.trim()}`);
	const rollpin = (args, more = {}) =>
		spawnSync(program, args, {
			cwd: at("elsewhere"),
			env,
			encoding: "utf8",
			timeout: 120_000,
			...more,
		});

	const help = rollpin(["--help"]);
	const commands = [...help.stdout.matchAll(/^ {2}([a-z]+)\b/gm)].map(([, name]) => name);
	const silent = commands.filter((name) => rollpin(["help", name]).status !== 0);
	report(
		commands.includes("demo") && silent.length === 0,
		`help of ${commands.join(", ")}`,
		help.stderr + silent,
	);
	for (const shell of SHELLS) {
		const { stdout, status } = rollpin(["completion", shell]);
		const there = spawnSync(shell, ["-c", "true"]).status === 0;
		const file = join(dir, `completion.${shell}`);
		writeFileSync(file, stdout);
		const read = there ? spawnSync(shell, ["-n", file], { encoding: "utf8" }) : null;
		const loads = read === null || read.status === 0;
		report(
			status === 0 && stdout !== "" && loads,
			`completion ${shell}${there ? "" : ` (${shell} is not installed)`}`,
			read?.stderr,
		);
	}
	await fromADirectoryOfOthers(env, rollpin);
	const docs = spawnSync(node, [join(root, "scripts", "docs-check.js"), prefix], {
		env,
		encoding: "utf8",
	});
	report(
		docs.status === 0,
		`the blocks of the docs: ${docs.stdout.trim().split("\n").at(-1)}`,
		docs.stdout + docs.stderr,
	);
}

/** A user who owns one directory only and stands in another: refused without a data dir, served with one. */
async function fromADirectoryOfOthers(env, rollpin) {
	const cwd = at("elsewhere");
	chmodSync(cwd, 0o555);
	const own = mkdtempSync(join(dir, "own-"));
	if (NOBODY.uid !== undefined) chownSync(own, NOBODY.uid, NOBODY.gid);
	const as = { ...NOBODY, env: { ...env, HOME: "/nonexistent" } };
	const refused = rollpin(["serve", "--port", "0"], as);
	report(
		refused.status === 2 && /^rollpin: --data-dir: [^\n]*\n$/.test(refused.stderr),
		"serve where it may not write: one line",
		refused.stderr,
	);

	const data = join(own, "data");
	const flags = ["serve", "--port", "0", "--log-format", "json", "--data-dir", data];
	const child = spawn(program, flags, { cwd, ...as, stdio: ["ignore", "pipe", "pipe"] });
	children.add(child);
	const ended = new Promise((resolve) => child.once("close", resolve));
	const url = await readyUrl(child);
	report(url !== null, "serve with a data directory");
	if (url !== null) {
		const steps = [
			["demo", "--sessions", "2", "--turns", "3", "--url", url],
			["verify", "--url", url],
			["status", "--url", url],
			["top", "--once", "--url", url],
			["sessions", "--url", url],
			["export", "--data-dir", data, "--out", join(own, "dump")],
			["fsck", "--data-dir", data],
			["reload", "--data-dir", data],
		];
		for (const args of steps) {
			const { status, stdout, stderr } = rollpin(args, as);
			report(status === 0 && stdout + stderr !== "", `rollpin ${args[0]}`, stdout + stderr);
		}
	}
	child.kill("SIGTERM");
	report((await ended) === 0, "SIGTERM ends it with exit code 0");
	children.delete(child);
}

/** The address that the cluster's log names; null when it ends before. */
function readyUrl(child) {
	return new Promise((resolve) => {
		let log = "";
		child.once("close", () => resolve(null));
		child.stderr.pipe(process.stderr);
		child.stdout.setEncoding("utf8").on("data", (text) => {
			log += text;
			const line = log.split("\n").find((part) => part.includes('"event":"cluster_ready"'));
			if (line?.endsWith("}")) resolve(JSON.parse(line).url);
		});
	});
}

function npm(args, cwd) {
	return spawnSync("npm", args, { cwd, env: clean, encoding: "utf8" });
}

function timed(step) {
	const startedMs = performance.now();
	step();
	return ((performance.now() - startedMs) / 1000).toFixed(0);
}
