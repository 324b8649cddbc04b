// Where settings come from: precedence, names in three spellings, and what is refused by name.
import { describe, expect, it } from "vitest";
import { type Compiled, compileConfig, sourceOf } from "../../src/cli/compile-config.js";
import { effectiveConfig } from "../../src/cli/effective-config.js";
import { envOf, fileKeyOf, flagOf } from "../../src/cli/option-names.js";
import { OPTION_KEYS } from "../../src/cli/options.js";
import { gatherSettings, type SettingSources } from "../../src/cli/settings.js";
import { machineWith } from "../support/cli-machine.js";

function gather(sources: Partial<SettingSources>) {
	return gatherSettings({ flags: {}, env: {}, file: null, ...sources });
}

function file(content: unknown) {
	return { path: "/etc/rollpin/rollpin.json", text: JSON.stringify(content) };
}

function compile(sources: Partial<SettingSources>): Compiled {
	return compileConfig(gather(sources).settings, machineWith());
}

describe("names", () => {
	it("are one name in three spellings", () => {
		expect([flagOf("sessionTtl"), envOf("sessionTtl"), fileKeyOf("sessionTtl")]).toEqual([
			"--session-ttl",
			"ROLLPIN_SESSION_TTL",
			"session_ttl",
		]);
		expect(flagOf("r3")).toBe("--r3");
	});

	it("are all different", () => {
		expect(new Set(OPTION_KEYS.map(flagOf)).size).toBe(OPTION_KEYS.length);
		expect(new Set(OPTION_KEYS.map(envOf)).size).toBe(OPTION_KEYS.length);
	});
});

describe("precedence", () => {
	const flags = { backends: ["1"] };
	const env = { ROLLPIN_BACKENDS: "2" };
	const fromFile = file({ backends: 3 });
	const cases: Array<[string, Partial<SettingSources>, number, string]> = [
		["flags win over all", { flags, env, file: fromFile }, 1, "flag"],
		["the environment wins over the file", { env, file: fromFile }, 2, "environment"],
		["the file wins over the default", { file: fromFile }, 3, "file"],
		["the default is last", {}, 4, "default"],
	];
	it.each(cases)("%s", (_title, sources, backends, from) => {
		const { settings } = gather(sources);
		expect(sourceOf(settings, "backends").from).toBe(from);
		expect(compileConfig(settings, machineWith()).config.backends).toBe(backends);
	});

	it("lets --no-insecure take back what the environment allows", () => {
		const sources = { env: { ROLLPIN_INSECURE: "1", ROLLPIN_HOST: "0.0.0.0" } };
		expect(compile(sources).config.host).toBe("0.0.0.0");
		expect(() => compile({ ...sources, flags: { insecure: false } })).toThrow(
			/^ROLLPIN_HOST 0\.0\.0\.0: .*token/,
		);
	});
});

describe("the config file", () => {
	it("holds values of JSON's own types", () => {
		const { config } = compile({
			file: file({
				port: 0,
				insecure: true,
				host: "0.0.0.0",
				upstream_timeout: 1.5,
				pass_through: ["/generate"],
			}),
		});
		expect(config).toMatchObject({
			port: 0,
			upstreamTimeoutMs: 1500,
			passThroughPaths: ["/generate"],
		});
	});

	it("keeps the spelling of numbers and the order of keys in template kwargs", () => {
		const text = '{"chat_template_kwargs": {"2": 1.0, "1": 1e-07}}';
		const { config } = compile({ file: { path: "/etc/rollpin/rollpin.json", text } });
		expect(config.chatTemplateKwargsJson.replaceAll(" ", "")).toBe('{"2":1.0,"1":1e-07}');
	});

	it("has paths that start at its own folder", () => {
		expect(compile({ file: file({ data_dir: "state" }) }).config.dataDir).toBe("/etc/rollpin/state");
		expect(compile({ env: { ROLLPIN_DATA_DIR: "state" } }).config.dataDir).toBe("/job/state");
	});

	const refused: Array<[string, string, RegExp]> = [
		[
			"an unknown key near a known one",
			'{"backend": 2}',
			/rollpin\.json: unknown key "backend"; did you mean backends\?/,
		],
		["a flag's spelling", '{"session-ttl": 2}', /unknown key "session-ttl"; did you mean session_ttl\?/],
		["an unknown key", '{"zzzzzzzz": 2}', /unknown key "zzzzzzzz"; remove it/],
		["a prototype key", '{"__proto__": {"backends": 2}}', /unknown key "__proto__"/],
		[
			"a string for a number",
			'{"backends": "2"}',
			/^backends in rollpin\.json "?\\?"?2.*must be a whole number/,
		],
		["a number for a switch", '{"insecure": 1}', /^insecure in rollpin\.json 1: must be true or false/],
		["null", '{"backends": null}', /^backends in rollpin\.json null: must be/],
		[
			"kwargs as text",
			'{"chat_template_kwargs": "{}"}',
			/chat_template_kwargs in rollpin\.json .*must be a JSON object/,
		],
		[
			"a number with an exponent",
			'{"backends": 1e0}',
			/^backends in rollpin\.json 1e0: must be a whole number/,
		],
		[
			"a key that stands twice",
			'{"backends": 1, "backends": 2}',
			/^--config .*: not usable JSON \(duplicate key/,
		],
		[
			"a list that is not of strings",
			'{"pass_through": [1]}',
			/^pass_through in rollpin\.json \[1\]: must be/,
		],
		["a list", "[]", /must hold one JSON object/],
		["text that is not JSON", "backends: 2", /^--config \/etc\/rollpin\/rollpin\.json: not usable JSON/],
	];
	it.each(refused)("is refused with %s", (_title, text, expected) => {
		const run = () => compile({ file: { path: "/etc/rollpin/rollpin.json", text } });
		expect(run).toThrow(expected);
		expect(run).not.toThrow(/\n/);
	});
});

describe("the environment", () => {
	it("names the variable in an error", () => {
		expect(() => compile({ env: { ROLLPIN_PORT: "x" } })).toThrow(/^ROLLPIN_PORT x: must be a whole number/);
	});

	it("explains the variable that Kubernetes sets for a Service of the same name", () => {
		const env = { ROLLPIN_PORT: "tcp://10.0.0.7:8080" };
		expect(() => compile({ env })).toThrow(/^ROLLPIN_PORT tcp.*enableServiceLinks/);
	});

	it("refuses a variable that looks like a mistyped one", () => {
		expect(() => gather({ env: { ROLLPIN_BACKEND: "2" } })).toThrow(
			/^ROLLPIN_BACKEND: .*did you mean ROLLPIN_BACKENDS\?/,
		);
	});

	it("warns of any other ROLLPIN_ variable and goes on", () => {
		const { warnings, settings } = gather({ env: { ROLLPIN_SERVICE_HOST: "10.0.0.7", OTHER: "1" } });
		expect(warnings).toEqual(["ROLLPIN_SERVICE_HOST is set but is no setting of rollpin; it is not used"]);
		expect(settings).toEqual({});
	});
});

describe("flags", () => {
	it("may be given once", () => {
		expect(() => gather({ flags: { port: ["1", "2"] } })).toThrow(
			/^--port: given 2 times \(1, 2\); give it once/,
		);
	});

	it("add up where they hold a list", () => {
		const { config } = compile({ flags: { passThrough: ["/generate", "/tokenize"] } });
		expect(config.passThroughPaths).toEqual(["/generate", "/tokenize"]);
	});
});

describe("--print-config", () => {
	it("says every value and its source, and never the token", () => {
		const machine = machineWith({ "/job/token": "very-secret" });
		const { settings } = gather({
			flags: { port: ["0"], authTokenFile: ["token"] },
			env: { ROLLPIN_BACKENDS: "2" },
			file: file({ log_level: "warn" }),
		});
		const text = effectiveConfig(compileConfig(settings, machine), settings);
		expect(text).not.toContain("very-secret");
		expect(JSON.parse(text)).toMatchObject({
			port: { value: 0, from: "flag --port" },
			backends: { value: 2, from: "environment ROLLPIN_BACKENDS" },
			log_level: { value: "warn", from: "file /etc/rollpin/rollpin.json" },
			auth_token_file: { value: "/job/token", from: "flag --auth-token-file" },
			session_ttl: { value: 86_400, from: "default" },
		});
	});

	it("says why there are as many workers when nobody named a number", () => {
		const { settings } = gather({});
		const text = effectiveConfig(compileConfig(settings, machineWith({}, { cores: 2 })), settings);
		expect(JSON.parse(text).backends).toEqual({
			value: 1,
			from: "default: one for each 4 of 2 usable cores, at least 1, at most 8",
		});
	});
});
