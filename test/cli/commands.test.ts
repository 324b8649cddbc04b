// The table of commands: one record in it is all that a command needs to be found, helped with, run and refused.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ConfigError, RollpinError } from "../../src/base/errors.js";
import { type Command, plainCommand } from "../../src/cli/command.js";
import { COMMANDS } from "../../src/cli/commands.js";
import { main } from "../../src/cli/main.js";
import { integer, list, onOff } from "../../src/cli/option-types.js";

let ran: unknown[];
const count = plainCommand({
	name: "count",
	summary: "count sheep",
	description: "Counts sheep until it sleeps.",
	options: {
		sheep: integer({ group: "Herd", description: "how many", min: 1, max: 10, fallback: 3 }),
		names: list({
			group: "Herd",
			description: "their names",
			placeholder: "names",
			rule: "a list of names",
			check: (name) => name !== "",
			fallback: [],
		}),
		aloud: onOff({ group: "Herd", description: "so that others hear it", fallback: false }),
	},
	async run(values) {
		ran.push(values);
		return values.sheep === 9 ? 1 : 0;
	},
});
const failing = (name: string, error: unknown): Command => ({
	name,
	summary: name,
	description: name,
	options: {},
	run: async () => {
		throw error;
	},
});
const TABLE = [
	...COMMANDS,
	count,
	failing("misused", new ConfigError("--x: wrong")),
	failing("broken", new RollpinError("internal", "it broke")),
	failing("faulty", new Error("a bug")),
];

let written: { stdout: string; stderr: string };
beforeEach(() => {
	ran = [];
	written = { stdout: "", stderr: "" };
	for (const stream of ["stdout", "stderr"] as const) {
		vi.spyOn(process[stream], "write").mockImplementation((text) => {
			written[stream] += String(text);
			return true;
		});
	}
});
afterEach(() => void vi.restoreAllMocks());

const run = (...argv: string[]) => main(argv, TABLE);

describe("a command that is a record of the table and nothing else", () => {
	it("runs with its flags' values and the defaults of the others, and its result is the exit code", async () => {
		expect(await run("count", "--sheep", "5", "--aloud")).toBe(0);
		expect(ran).toEqual([{ sheep: 5, names: [], aloud: true }]);
		expect(await run("count", "--sheep=9", "--no-aloud", "--names", "a,b", "--names", "c")).toBe(1);
		expect(ran[1]).toEqual({ sheep: 9, names: ["a", "b", "c"], aloud: false });
		expect(written).toEqual({ stdout: "", stderr: "" });
	});

	it("stands in the help, and has one of its own", async () => {
		expect(await run("--help")).toBe(0);
		expect(written.stdout).toMatch(/^ {2}count \[options\] +count sheep$/m);
		written.stdout = "";
		expect(await run("help", "count")).toBe(0);
		expect(written.stdout).toMatch(/^Usage: rollpin count \[options\]\n\nCounts sheep until it sleeps\.\n/);
		expect(written.stdout).toMatch(/^Herd:\n {2}--sheep <n> +how many \(default: 3\)$/m);
	});

	it("is not run with a flag that breaks its rule, stands twice or is unknown", async () => {
		expect(await run("count", "--sheep", "11")).toBe(2);
		expect(await run("count", "--sheep", "1", "--sheep", "2")).toBe(2);
		expect(await run("count", "--shep", "1")).toBe(2);
		expect(await run("cound")).toBe(2);
		expect(ran).toEqual([]);
		expect(written.stderr.trimEnd().split("\n")).toEqual([
			"rollpin: --sheep 11: must be a whole number from 1 to 10; change it, or leave it out for 3",
			"rollpin: --sheep: given 2 times (1, 2); give it once",
			"rollpin: unknown option '--shep' (Did you mean --sheep?); see rollpin count --help",
			"rollpin: unknown command 'cound' (Did you mean count?); see rollpin --help",
		]);
	});
});

describe("what a command throws is one line and an exit code", () => {
	it.each([
		["misused", 2, /^rollpin: --x: wrong\n$/],
		["broken", 1, /^rollpin: it broke\n$/],
		["faulty", 1, /^rollpin: unexpected: Error: a bug\n\s+at /],
	])("%s: %i", async (name, code, message) => {
		expect(await run(name)).toBe(code);
		expect(written.stderr).toMatch(message);
	});
});
