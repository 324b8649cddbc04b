// The command tree: names, flags, help. Actions are handed in; parsing throws CommanderError and never exits.
import { Command, Option } from "commander";
import { DEMO_FLAGS } from "./demo-options.js";
import { EXPORT_FLAGS } from "./export-options.js";
import { addFlag, collect } from "./flags.js";
import type { OptionSpec } from "./option-types.js";
import { OPTION_KEYS, SERVE_OPTIONS } from "./options.js";
import { RELOAD_FLAGS } from "./reload.js";
import type { RawFlags } from "./settings.js";
import { SIM_FLAGS } from "./sim-options.js";
import { TOP_FLAGS } from "./top.js";
import { VERIFY_FLAGS } from "./verify-options.js";

export interface Actions {
	serve: (flags: RawFlags) => Promise<void>;
	sim: (flags: RawFlags) => Promise<void>;
	demo: (flags: RawFlags) => Promise<void>;
	reload: (flags: RawFlags) => Promise<void>;
	export: (flags: RawFlags) => Promise<void>;
	verify: (flags: RawFlags) => Promise<void>;
	top: (flags: RawFlags) => Promise<void>;
}

/** Width of --help when it does not go to a terminal; the README shows it so. */
const HELP_WIDTH = 110;

const SETTINGS = "Settings:";

export function createProgram(version: string, actions: Actions): Command {
	const program = new Command("rollpin")
		.description("Sticky, token-exact session servers between OpenAI chat agents and an SGLang engine")
		.version(version, "-V, --version", "print the version")
		.helpOption("-h, --help", "print this help")
		.helpCommand("help [command]", "print the help of a command")
		.showSuggestionAfterError(true)
		.exitOverride()
		.configureOutput({
			// The one error line is written where the error is caught.
			outputError: () => undefined,
			getOutHelpWidth: () => (process.stdout.isTTY ? process.stdout.columns : HELP_WIDTH),
			getErrHelpWidth: () => (process.stderr.isTTY ? process.stderr.columns : HELP_WIDTH),
		});
	const serve = program
		.command("serve")
		.summary("start the cluster: primary, router and workers")
		.description(
			[
				"Starts the cluster: primary, router and workers. Without --upstream it starts a simulated engine too.",
				"Flags win over environment variables (ROLLPIN_BACKENDS=4), these over the --config file, that over defaults.",
				"Exit codes: 0 clean, 1 failed while running, 2 bad usage or configuration.",
			].join("\n"),
		)
		.helpOption("-h, --help", "print this help")
		.action((flags: RawFlags) => actions.serve(flags));
	for (const key of OPTION_KEYS) {
		const spec: OptionSpec<unknown> = SERVE_OPTIONS[key];
		addFlag(serve, { key, spec });
	}
	serve.addOption(
		new Option(
			"--config <file>",
			"JSON file of settings; a key is a flag's name with _ for - (default: none)",
		)
			.helpGroup(SETTINGS)
			.argParser(collect),
	);
	serve.addOption(
		new Option("--print-config", "print the settings in force and where each came from, then exit").helpGroup(
			SETTINGS,
		),
	);
	const sim = program
		.command("sim")
		.summary("start the simulated engine alone")
		.description(
			"Starts the simulated SGLang engine alone, for trying out, tests and benchmarks. Its tokens are noise.",
		)
		.helpOption("-h, --help", "print this help")
		.action((flags: RawFlags) => actions.sim(flags));
	for (const [key, spec] of SIM_FLAGS) addFlag(sim, { key, spec });
	const demo = program
		.command("demo")
		.summary("run demo agents against a running cluster and check what it recorded")
		.description(
			"Runs multi-turn, tool-calling agents (the openai client) against a running cluster, reads every session\n" +
				"back and checks that the recorded tokens are exactly what was sent and sampled.",
		)
		.helpOption("-h, --help", "print this help")
		.action((flags: RawFlags) => actions.demo(flags));
	for (const [key, spec] of DEMO_FLAGS) addFlag(demo, { key, spec });
	const reload = program
		.command("reload")
		.summary("replace the workers of a running cluster, one by one")
		.description(
			"Tells a running cluster to replace its workers one by one (as SIGUSR2 to its primary does). No request fails,\n" +
				"no session changes, and a new build is picked up. Its log says reload_started and reload_done.",
		)
		.helpOption("-h, --help", "print this help")
		.action((flags: RawFlags) => actions.reload(flags));
	for (const [key, spec] of RELOAD_FLAGS) addFlag(reload, { key, spec });
	const exporting = program
		.command("export")
		.summary("write the sessions of a data dir out, cluster running or not")
		.description(
			[
				"Reads the sessions of a data dir and writes them out. A running cluster is not disturbed: nothing in the data dir is",
				"changed, no lock is taken. Each session is whole, as of the moment it was read; a file appears under its name when it",
				"is complete. Exit codes: 0 all exported, 1 a session could not be, 2 bad usage or configuration.",
			].join("\n"),
		)
		.helpOption("-h, --help", "print this help")
		.action((flags: RawFlags) => actions.export(flags));
	for (const [key, spec] of EXPORT_FLAGS) {
		addFlag(exporting, { key, spec });
	}
	const verify = program
		.command("verify")
		.summary("run one session against a running cluster and show what became of every token")
		.description(
			[
				"Runs one multi-turn session with tools against a running cluster and its engine, reads it back, checks every",
				"recorded token, and prints the mismatch report (docs/tito.md explains both).",
				"Exit codes: 0 as it should be, 1 a check or the report says otherwise, 2 bad usage or no cluster.",
			].join("\n"),
		)
		.helpOption("-h, --help", "print this help")
		.action((flags: RawFlags) => actions.verify(flags));
	for (const [key, spec] of VERIFY_FLAGS) addFlag(verify, { key, spec });
	const top = program
		.command("top")
		.summary("watch a running cluster: its workers, sessions and turns")
		.description(
			"Shows the workers of a running cluster and the figures of their last heartbeats, again and again, until q or Ctrl-C.\n" +
				"Where the output is no terminal, each view follows the one before it.",
		)
		.helpOption("-h, --help", "print this help")
		.action((flags: RawFlags) => actions.top(flags));
	for (const [key, spec] of TOP_FLAGS) addFlag(top, { key, spec });
	return program;
}
