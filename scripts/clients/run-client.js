// Runs one client's driver at every place, two at a time, and gathers what became of each loop.
import { spawn } from "node:child_process";
import { copyFileSync, createWriteStream, mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { verdict } from "./verdict.js";

const DRIVERS = fileURLToPath(new URL("drivers", import.meta.url));
const TIME_LIMIT_MS = 300_000;
/** Nothing but the loop itself: no tracing, no price lists from the net, no update checks. */
const QUIET = {
	OPENAI_AGENTS_DISABLE_TRACING: "1",
	LITELLM_LOCAL_MODEL_COST_MAP: "True",
	LANGSMITH_TRACING: "false",
	OTEL_SDK_DISABLED: "true",
	DO_NOT_TRACK: "1",
	HAYSTACK_TELEMETRY_ENABLED: "False",
	CREWAI_DISABLE_TELEMETRY: "true",
	AGNO_TELEMETRY: "false",
	QWEN_TELEMETRY: "false",
	NO_COLOR: "1",
	PYTHONUNBUFFERED: "1",
	PYTHONDONTWRITEBYTECODE: "1",
	OPENAI_API_KEY: "none",
};

/**
 * Two places at a time.
 * @param dir where the client is installed; null: in this repository
 * @param workDir its home directory and logs
 * @returns { name, version, date, loops: [{ label, rewrites, good, cells: { "plain-linear": text } }] }
 */
export async function runClient(client, places, { dir, workDir, verbose = false }) {
	const [home, logDir] = ["home", "logs"].map((name) => join(workDir, name));
	for (const folder of [home, logDir]) mkdirSync(folder, { recursive: true });
	const loops = new Map();
	const one = async (place) => {
		const logFile = join(logDir, `${client.name}.${place.name}.log`);
		for (const line of await drive(client, dir, place, { home, logFile, verbose })) {
			const session = await (await fetch(place.sessionUrl(line.session))).json();
			const counts = place.counts(line.session);
			if (verbose) for (const refusal of counts.refusals) console.error(`  ${place.name}: ${refusal}`);
			const { text, good } = verdict(counts, session, { ...line, mode: place.mode });
			const row = loops.get(line.loop) ?? {
				label: line.loop,
				rewrites: line.rewrites,
				good: true,
				cells: {},
			};
			row.cells[place.name] = text;
			row.good &&= good;
			loops.set(line.loop, row);
		}
	};
	for (let at = 0; at < places.length; at += 2) await Promise.all(places.slice(at, at + 2).map(one));
	for (const row of loops.values()) {
		if (Object.keys(row.cells).length < places.length) row.good = false;
	}
	if (loops.size === 0)
		loops.set("-", { label: "-", rewrites: null, good: false, cells: { all: "the driver did not start" } });
	const date = new Date().toISOString().slice(0, 10);
	return { name: client.name, version: client.version, date, loops: [...loops.values()] };
}

/** The lines a driver printed, one a loop. */
function drive(client, dir, place, { home, logFile, verbose }) {
	const [program, file] = commandOf(client, dir);
	const child = spawn(program, [file], {
		cwd: home,
		env: {
			PATH: process.env.PATH,
			LANG: "C.UTF-8",
			HOME: home,
			...QUIET,
			ROLLPIN_URL: place.url,
			ROLLPIN_CONTROL: place.controlUrl,
			ROLLPIN_REASONING: place.reasoning ? "1" : "0",
		},
		stdio: ["ignore", "pipe", "pipe"],
	});
	const log = createWriteStream(logFile);
	child.stderr.pipe(log);
	if (verbose) child.stderr.pipe(process.stderr, { end: false });
	let text = "";
	child.stdout.setEncoding("utf8").on("data", (piece) => {
		text += piece;
	});
	const timer = setTimeout(() => child.kill("SIGKILL"), TIME_LIMIT_MS);
	return new Promise((resolve, reject) => {
		child.once("error", reject);
		child.once("close", () => {
			clearTimeout(timer);
			const lines = text.split("\n").filter((line) => line.startsWith("{"));
			resolve(lines.map((line) => JSON.parse(line)));
		});
	});
}

function commandOf(client, dir) {
	if (client.driver.endsWith(".py")) return [join(dir, "bin", "python"), join(DRIVERS, client.driver)];
	if (dir === null) return [process.execPath, join(DRIVERS, client.driver)];
	// Beside its node_modules, where Node looks for what it imports.
	for (const file of ["driver.mjs", client.driver]) copyFileSync(join(DRIVERS, file), join(dir, file));
	return [process.execPath, join(dir, client.driver)];
}
