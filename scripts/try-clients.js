// Runs the real agent clients of scripts/clients/table.js against a cluster and writes docs/clients.md: chats sent, turns kept.
// npm run try:clients [-- --only NAME]   Installs from PyPI and npm into a cache directory; not part of `npm test`.
import { mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { install } from "./clients/environments.js";
import { writePage } from "./clients/page.js";
import { startPlace } from "./clients/processes.js";
import { readResults, writeResult } from "./clients/results.js";
import { runClient } from "./clients/run-client.js";
import { CLIENTS } from "./clients/table.js";

const HELP = `Usage: node scripts/try-clients.js [options]

Starts a simulated engine and a cluster (plain and with reasoning, linear and tree mode), runs the own loop of every
client unmodified, and compares the chats it sent with the turns that were kept.

  --only <name>    this client alone; may be given again
  --list           the clients, their versions and what they are installed from
  --cache <dir>    environments, logs and results (default: rollpin-clients in the temporary directory)
  --no-write       docs/clients.md stays as it is (else written once every client has a result)
  --verbose        what the clients print, and every refusal
  --help           print this help

PYTHON names the interpreter for the Python clients (3.12 or newer). An installation that was broken off goes on at
the next run. Exit code 1: a client that sends its history back as it was lost a turn, or one that rewrites it lost
a turn without being told.
`;

const { values } = parseArgs({
	options: {
		only: { type: "string", multiple: true },
		list: { type: "boolean" },
		cache: { type: "string", default: join(tmpdir(), "rollpin-clients") },
		"no-write": { type: "boolean" },
		verbose: { type: "boolean" },
		help: { type: "boolean" },
	},
});

const SETTINGS = [
	{ mode: "linear", reasoning: false },
	{ mode: "tree", reasoning: false },
	{ mode: "linear", reasoning: true },
	{ mode: "tree", reasoning: true },
];

function chosen() {
	const unknown = (values.only ?? []).find((name) => !CLIENTS.some((client) => client.name === name));
	if (unknown !== undefined) {
		console.error(`no client named ${unknown}; --list shows them`);
		process.exit(2);
	}
	return values.only === undefined ? CLIENTS : CLIENTS.filter(({ name }) => values.only.includes(name));
}

async function main() {
	const cacheDir = resolve(values.cache);
	const logDir = join(cacheDir, "logs");
	mkdirSync(logDir, { recursive: true });
	const clients = chosen();
	const progress = (text) => console.error(`[${new Date().toISOString().slice(11, 19)}] ${text}`);
	const places = [];
	let lost = 0;
	try {
		for (const setting of SETTINGS) places.push(await startPlace(setting, logDir));
		for (const client of clients) {
			progress(`${client.name} ${client.version}`);
			const dir = await install(client.environment, cacheDir, progress);
			const result = await runClient(client, places, { dir, workDir: cacheDir, verbose: values.verbose });
			writeResult(cacheDir, result);
			for (const loop of result.loops) {
				console.log(`${loop.good ? "ok  " : "LOSS"} ${client.name}: ${loop.label}`);
				for (const [place, cell] of Object.entries(loop.cells)) console.log(`       ${place}: ${cell}`);
				if (!loop.good) lost++;
			}
		}
	} finally {
		await Promise.all(places.map((place) => place.stop()));
	}
	if (values["no-write"] !== true) progress(writePage(readResults(cacheDir)));
	if (lost > 0) {
		console.log(`${lost} loops lost turns or failed; logs in ${logDir}`);
		process.exitCode = 1;
	}
}

if (values.help) console.log(HELP);
else if (values.list) {
	for (const { name, version, environment } of CLIENTS) console.log(`${name} ${version} (${environment})`);
} else await main();
