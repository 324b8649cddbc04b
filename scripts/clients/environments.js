// Installs the clients' environments below the cache directory, each once: a finished one is marked and left alone.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ENVIRONMENTS } from "./table.js";

/** The interpreter that makes virtual environments: harbor wants 3.12. */
function pythonProgram() {
	const wanted = process.env.PYTHON === undefined ? ["python3.12", "python3"] : [process.env.PYTHON];
	const check = "import sys; sys.exit(sys.version_info < (3, 12))";
	const found = wanted.find((program) => spawnSync(program, ["-c", check]).status === 0);
	if (found === undefined) throw new Error("Python 3.12 or newer is needed: name it with PYTHON=...");
	return found;
}

/** Rejects with the end of what the command printed when it fails. */
function command(program, args, options) {
	return new Promise((resolve, reject) => {
		const child = spawn(program, args, { ...options, stdio: ["ignore", "pipe", "pipe"] });
		let text = "";
		const keep = (piece) => {
			text = (text + piece).slice(-4000);
		};
		child.stdout.on("data", keep);
		child.stderr.on("data", keep);
		child.on("error", reject);
		child.on("close", (code) =>
			code === 0 ? resolve(text) : reject(new Error(`${program} ${args[0]}: exit code ${code}\n${text}`)),
		);
	});
}

/** Where an environment is, installed when it returns. Another list of packages installs it anew. */
export async function install(name, cacheDir, progress) {
	const dir = join(cacheDir, "environments", name);
	const mark = join(dir, ".installed.json");
	const environment = ENVIRONMENTS[name];
	const wanted = JSON.stringify(environment);
	if (existsSync(mark) && readFileSync(mark, "utf8") === wanted) return dir;
	progress(`installing ${name}: ${environment.packages.join(" ")}`);
	rmSync(mark, { force: true });
	mkdirSync(dir, { recursive: true });
	await INSTALLERS[environment.kind](dir, environment.packages);
	writeFileSync(mark, wanted);
	return dir;
}

const INSTALLERS = {
	async pip(dir, packages) {
		if (!existsSync(join(dir, "bin", "pip"))) await command(pythonProgram(), ["-m", "venv", dir]);
		const quiet = ["-q", "--disable-pip-version-check", "--no-input"];
		await command(join(dir, "bin", "pip"), ["install", ...quiet, ...packages]);
	},
	async npm(dir, packages) {
		writeFileSync(join(dir, "package.json"), '{ "private": true }\n');
		const flags = ["--no-audit", "--no-fund", "--save-exact"];
		await command("npm", ["install", ...flags, ...packages], { cwd: dir });
	},
};
