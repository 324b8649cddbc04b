// `rollpin sim`: the simulated engine alone, until SIGINT or SIGTERM. Holds no engine logic.
import { resolve } from "node:path";
import { ConfigError } from "../../base/errors.js";
import { EXIT_FAILED, EXIT_OK } from "../../base/exit-codes.js";
import { createLogger, type Logger } from "../../telemetry/logger.js";
import { plainCommand } from "../command.js";
import { checkCheckpointDir } from "../config-rules.js";
import { createMachine } from "../machine.js";
import { inFlagWords, SIM_OPTION_SET } from "../sim-options.js";

export const sim = plainCommand({
	name: "sim",
	summary: "start the simulated engine alone",
	description:
		"Starts the simulated SGLang engine alone, for trying out, tests and benchmarks. Its tokens are noise.",
	options: SIM_OPTION_SET,
	async run({ checkpoint, ...settings }) {
		const machine = createMachine();
		const checkpointDir = checkpoint === null ? machine.toyCheckpointDir : resolve(machine.cwd, checkpoint);
		checkCheckpointDir(checkpointDir, checkpoint === null ? null : "--checkpoint", machine);
		const format = machine.stdoutIsTerminal ? "pretty" : "json";
		const log = createLogger({ role: "sim", level: "info", format });
		// Heard from here on: a signal during the start must not be lost.
		const signal = firstSignal();
		const { startSimEngine } = await import("../../sim/server.js");
		const engine = await startSimEngine({ ...settings, checkpointDir }).catch((error) => {
			throw error instanceof ConfigError
				? new ConfigError(inFlagWords(error.message), { cause: error })
				: error;
		});
		const { url, controlUrl } = engine;
		log.event(
			"sim_engine",
			{ url, control_url: controlUrl, sim_pid: process.pid },
			`a SIMULATED engine answers at ${url}, its control plane at ${controlUrl}; its tokens are noise`,
		);
		if (machine.stdoutIsTerminal) {
			process.stderr.write(
				`\n  rollpin serve --upstream ${url} --checkpoint ${checkpointDir}\n  Ctrl-C ends it.\n\n`,
			);
		}
		const name = await signal;
		const startedMs = performance.now();
		await engine.close();
		await shutdown(log, name, startedMs);
		return EXIT_OK;
	},
});

/** Ctrl-C under npm arrives twice at once: from the terminal, and from npm, which hands it on. */
const SAME_SIGNAL_MS = 500;

function firstSignal(): Promise<NodeJS.Signals> {
	return new Promise((resolve) => {
		let firstMs: number | null = null;
		const end = (signal: NodeJS.Signals): void => {
			if (firstMs !== null && performance.now() - firstMs > SAME_SIGNAL_MS) process.exit(EXIT_FAILED);
			firstMs ??= performance.now();
			resolve(signal);
		};
		process.on("SIGINT", end);
		process.on("SIGTERM", end);
	});
}

async function shutdown(log: Logger, reason: string, startedMs: number): Promise<void> {
	const elapsedMs = Math.round(performance.now() - startedMs);
	const fields = { exit_code: EXIT_OK, reason, elapsed_ms: elapsedMs, killed: 0 };
	log.event("shutdown", fields, "the simulated engine has ended");
	await log.flush();
}
