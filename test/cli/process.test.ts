// The program as an operator meets it: one line, the right stream, the right exit code, no stack.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { COMMANDS } from "../../src/cli/commands.js";
import { flagOf } from "../../src/cli/option-names.js";
import { writeByteTokenizer } from "../support/byte-tokenizer.js";
import { RunningRollpin, type RunOptions, runRollpin } from "../support/run-rollpin.js";

let dir: string;

beforeAll(() => {
	dir = mkdtempSync(join(tmpdir(), "rollpin-cli-"));
	writeByteTokenizer(dir);
	writeFileSync(join(dir, "good.json"), JSON.stringify({ backends: 3, log_level: "warn" }));
	writeFileSync(join(dir, "unknown.json"), JSON.stringify({ backend: 3 }));
	writeFileSync(join(dir, "broken.json"), "{");
});

afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe("bad usage is one line on stderr and exit code 2", () => {
	const cases: Array<[string[], RegExp, RunOptions?]> = [
		[
			["serve", "--bakends", "3"],
			/unknown option '--bakends' \(Did you mean --backends\?\); see rollpin serve --help/,
		],
		[["serve", "--backends"], /option '--backends <n>' argument missing/],
		[["serve", "--backends", "99"], /--backends 99: must be a whole number from 1 to 64/],
		[
			["top", "--auth-token", "a", "--auth-token-file", "good.json"],
			/both give the token; leave out the one/,
		],
		[["demo", "--auth-token-file", "nowhere"], /--auth-token-file nowhere: cannot be read; give a file/],
		[["verify", "--auth-token-file", "good.json"], /--auth-token-file good\.json: must hold one token/],
		[["top"], /ROLLPIN_AUTH_TOKEN: must hold one token/, { env: { ROLLPIN_AUTH_TOKEN: "two words" } }],
		[["serve", "--port", "1", "--port=2"], /--port: given 2 times/],
		[["cancel"], /missing required argument 'id'; see rollpin cancel --help/],
		[["cancel", "a/b"], /<id> "a\/b": must be a session id: 1 to 128 characters/],
		[["drain"], /--worker: is needed; give a whole number from 0 to 63/],
		[["drain", "--worker", "x"], /--worker x: must be a whole number from 0 to 63; change it\n/],
		[["cancel", "a", "--url", "http://127.0.0.1:1"], /no cluster answers at http:\/\/127\.0\.0\.1:1/],
		[["serve", "extra"], /too many arguments for 'serve'/],
		[["serve", "--checkpoint", "nowhere"], /--checkpoint .*nowhere: no such directory/],
		[
			["serve", "--upstream", "http://127.0.0.1:1"],
			/--upstream: needs the engine's tokenizer; give --checkpoint/,
		],
		[["serve"], /ROLLPIN_BACKENDS x: must be a whole number/, { env: { ROLLPIN_BACKENDS: "x" } }],
		[["serve"], /did you mean ROLLPIN_BACKENDS\?/, { env: { ROLLPIN_BACKEND: "2" } }],
		[["serve", "--config", "nowhere.json"], /--config nowhere\.json: cannot be read/],
		[["serve"], /ROLLPIN_CONFIG nowhere\.json: cannot be read/, { env: { ROLLPIN_CONFIG: "nowhere.json" } }],
		[["serve", "--config", "unknown.json"], /unknown key "backend"; did you mean backends\?/],
		[["serve", "--config", "broken.json"], /broken\.json: not usable JSON/],
		[["serve", "--config", "a.json", "--config", "b.json"], /--config: given 2 times/],
		[["sim", "--seed", "x"], /--seed x: must be a whole number/],
		[["sim", "--checkpoint", "nowhere"], /--checkpoint .*nowhere: no such directory/],
		[
			["sim", "--reply-tokens-min", "50", "--checkpoint", "."],
			/rollpin: --reply-tokens-min \(50\) is over --reply-tokens-max \(48\)/,
		],
		[["sim", "--sed", "1"], /unknown option '--sed' \(Did you mean --seed\?\); see rollpin sim --help/],
		[["serv"], /unknown command 'serv' \(Did you mean serve\?\); see rollpin --help/],
		[["help", "serv"], /unknown command 'serv' \(Did you mean serve\?\); see rollpin --help/],
		[["help", "nonsense"], /unknown command 'nonsense'; see rollpin --help/],
		[["--bogus"], /unknown option '--bogus'/],
	];
	it.each(cases)("%j", async (args, expected, options) => {
		const { code, stdout, stderr } = await runRollpin(args, { cwd: dir, ...options });
		expect(stderr).toMatch(expected);
		expect(stderr).toMatch(/^rollpin: [^\n]+\n$/);
		expect(stdout).toBe("");
		expect(code).toBe(2);
	});
});

describe("help", () => {
	it("goes to stdout when it was asked for", async () => {
		for (const args of [["--help"], ["help"], ["help", "serve"], ["sim", "--help"]]) {
			const { code, stdout, stderr } = await runRollpin(args);
			expect(stdout).toMatch(/^Usage: rollpin/);
			expect([code, stderr]).toEqual([0, ""]);
		}
	});

	it("goes to stderr with exit code 2 when no command was given", async () => {
		const { code, stdout, stderr } = await runRollpin([]);
		expect(stderr).toMatch(/^Usage: rollpin/);
		expect([code, stdout]).toEqual([2, ""]);
	});

	it("lists every command with what it does, in the order of the table", async () => {
		const { stdout } = await runRollpin(["--help"]);
		const listed = (stdout.split("Commands:\n")[1] ?? "").trimEnd().split("\n");
		const shown = listed.map((line) => /^ {2}(\w+) (?:\[\w+\] )?(?:<\w+> )?\s*(.+)$/.exec(line)?.slice(1));
		expect(shown).toEqual([
			...COMMANDS.map(({ name, summary }) => [name, summary]),
			["help", "print the help of a command"],
		]);
	});

	it("of a command is the same by either spelling, and names every option once", async () => {
		for (const { name, options } of COMMANDS) {
			const [{ stdout }, other] = await Promise.all([
				runRollpin(["help", name]),
				runRollpin([name, "--help"]),
			]);
			expect(stdout).toBe(other.stdout);
			for (const key of Object.keys(options)) {
				expect([key, stdout.split(`\n  ${flagOf(key)} `).length]).toEqual([key, 2]);
			}
		}
	}, 60_000);

	it("shows the choices of a setting and its default", async () => {
		const { stdout } = await runRollpin(["serve", "--help"]);
		expect(stdout).toMatch(/--tito-model <family>[\s\S]*default \| qwen3 \|/);
		expect(stdout).toMatch(/--r3 <mode>[\s\S]*off \| full \| incremental;\s+default: off/);
	});

	it("prints the version of the package", async () => {
		const { code, stdout } = await runRollpin(["--version"]);
		expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
		expect(code).toBe(0);
	});
});

describe("--print-config", () => {
	it("prints what flags, environment and file add up to, and starts nothing", async () => {
		const args = [
			"serve",
			"--print-config",
			"--checkpoint",
			".",
			"--tito-model",
			"default",
			"--config",
			"good.json",
			"--port",
			"0",
		];
		const { code, stdout, stderr } = await runRollpin(args, { cwd: dir, env: { ROLLPIN_BACKENDS: "2" } });
		expect(stderr).toBe("");
		expect(JSON.parse(stdout)).toMatchObject({
			backends: { value: 2, from: "environment ROLLPIN_BACKENDS" },
			log_level: { value: "warn" },
			port: { value: 0, from: "flag --port" },
			log_format: { value: "json", from: "default" },
		});
		expect(code).toBe(0);
	});

	it("warns on stderr of a setting that does nothing beside the others", async () => {
		const args = [
			"serve",
			"--print-config",
			"--checkpoint",
			".",
			"--tito-model",
			"default",
			"--r3-keep",
			"latest",
		];
		const { code, stdout, stderr } = await runRollpin(args, { cwd: dir });
		expect(stderr).toMatch(/^rollpin: warning: --r3-keep latest: --r3 is off, .*\n$/);
		expect(JSON.parse(stdout)).toMatchObject({ r3_keep: { value: "latest" } });
		expect(code).toBe(0);
	});

	it("refuses what serve would refuse", async () => {
		const { code, stderr } = await runRollpin(
			["serve", "--print-config", "--host", "0.0.0.0", "--checkpoint", "."],
			{
				cwd: dir,
			},
		);
		expect(stderr).toMatch(/^rollpin: --host 0\.0\.0\.0: .*--auth-token-file, or --insecure/);
		expect(code).toBe(2);
	});
});

describe("rollpin sim", () => {
	it("says where it listens, answers there, and ends cleanly on SIGINT", async () => {
		const sim = new RunningRollpin(["sim", "--port", "0", "--checkpoint", ".", "--seed", "7"], { cwd: dir });
		try {
			const ready = await sim.logged("sim_engine");
			expect(ready).toMatchObject({ role: "sim", level: "warn" });
			const messages = [{ role: "user", content: "Hello" }];
			const body = JSON.stringify({ messages, input_ids: [72, 101], max_tokens: 3 });
			const headers = { "content-type": "application/json" };
			const reply = await fetch(`${ready.url}/v1/chat/completions`, { method: "POST", headers, body });
			expect(await reply.json()).toMatchObject({ usage: { completion_tokens: 3 } });
			expect((await fetch(`${ready.url}/health`)).status).toBe(200);
		} finally {
			sim.signal("SIGINT");
		}
		const { code, stdout, stderr } = await sim.ended();
		expect(stdout).toMatch(/"event":"shutdown","exit_code":0,"reason":"SIGINT"/);
		expect([code, stderr]).toEqual([0, ""]);
	});

	it("takes the doubled SIGINT of Ctrl-C under npm for one", async () => {
		const sim = new RunningRollpin(["sim", "--port", "0", "--checkpoint", "."], { cwd: dir });
		await sim.logged("sim_engine");
		sim.signal("SIGINT");
		sim.signal("SIGTERM");
		const { code, stdout } = await sim.ended();
		expect(stdout).toMatch(/"event":"shutdown","exit_code":0/);
		expect(code).toBe(0);
	});

	it("says in one line that its port is taken", async () => {
		const first = new RunningRollpin(["sim", "--port", "0", "--checkpoint", "."], { cwd: dir });
		try {
			const { port } = new URL(String((await first.logged("sim_engine")).url));
			const second = await runRollpin(["sim", "--port", port, "--checkpoint", "."], { cwd: dir });
			expect(second.stderr).toMatch(/^rollpin: [^\n]*EADDRINUSE[^\n]*choose another port\n$/);
			expect(second.code).toBe(2);
		} finally {
			first.signal("SIGINT");
			await first.ended();
		}
	});
});
