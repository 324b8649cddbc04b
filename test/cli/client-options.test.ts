// The token of the commands that talk to a running cluster: where it comes from, and what is refused.
import { describe, expect, it } from "vitest";
import { readClient, type Surroundings } from "../../src/cli/client-options.js";
import { demo } from "../../src/cli/commands/demo.js";
import { top } from "../../src/cli/commands/top.js";
import { verify } from "../../src/cli/commands/verify.js";
import type { RawFlags } from "../../src/cli/raw-flags.js";
import { readFlags } from "../../src/cli/read-flags.js";
import { gatherSettings } from "../../src/cli/settings.js";

const FILES: Record<string, string> = { "/run/token": "of-file\n", "/run/empty": "\n", "/run/two": "a b" };
const around = (env: Record<string, string> = {}): Surroundings => ({
	env,
	readText: (path) => {
		const text = FILES[path];
		if (text === undefined) throw new Error(`ENOENT: ${path}`);
		return text;
	},
});
const ENV = { ROLLPIN_AUTH_TOKEN: "of-environment" };
const tokenOf = (given: Record<string, string>, env: Record<string, string> = {}) =>
	readClient({ url: "http://front:1", authToken: null, authTokenFile: null, ...given }, around(env))
		.authToken;

describe("the token a cluster is given", () => {
	it.each([
		["the flag's, before the environment's", { authToken: "of-flag" }, ENV, "of-flag"],
		["the file's without the space around it", { authTokenFile: "/run/token" }, {}, "of-file"],
		["the file's, before the environment's", { authTokenFile: "/run/token" }, ENV, "of-file"],
		["the environment's without either flag", {}, ENV, "of-environment"],
		["none without any", {}, {}, null],
		["none where the variable is empty", {}, { ROLLPIN_AUTH_TOKEN: "" }, null],
		["none for an empty flag, whatever the environment says", { authToken: "" }, ENV, null],
	])("is %s", (_what, given: Record<string, string>, env: Record<string, string>, token) => {
		expect(tokenOf(given, env)).toBe(token);
	});

	it.each([
		[
			"both flags",
			{ authToken: "a", authTokenFile: "/run/token" },
			{},
			/^--auth-token and --auth-token-file: both/,
		],
		[
			"a file that is not there",
			{ authTokenFile: "/nowhere" },
			ENV,
			/^--auth-token-file \/nowhere: cannot be read/,
		],
		[
			"an empty file",
			{ authTokenFile: "/run/empty" },
			ENV,
			/^--auth-token-file \/run\/empty: must hold one token/,
		],
		[
			"a file of two words",
			{ authTokenFile: "/run/two" },
			{},
			/^--auth-token-file \/run\/two: must hold one token/,
		],
		[
			"a variable that no header can carry",
			{},
			{ ROLLPIN_AUTH_TOKEN: "a\nb" },
			/^ROLLPIN_AUTH_TOKEN: must hold one/,
		],
		["a flag that no header can carry", { authToken: "a\nb" }, {}, /^--auth-token: must hold one token/],
	])("is refused for %s", (_what, given: Record<string, string>, env: Record<string, string>, message) => {
		expect(() => tokenOf(given, env)).toThrow(message);
	});

	it("is the same for every command, and the rest of its flags stay its own", () => {
		const flags: RawFlags = { authTokenFile: ["/run/token"], url: ["http://front:1/"], turns: ["2"] };
		const client = { url: "http://front:1", authToken: "of-file" };
		for (const command of [demo, verify]) {
			const values = readFlags(command.options, flags);
			expect(readClient(values, around())).toEqual(client);
			expect(values.turns).toBe(2);
		}
		expect(readFlags(demo.options, flags).sessions).toBe(8);
		expect(readFlags(verify.options, flags).maxTokens).toBe(512);
		expect(readClient(readFlags(top.options, flags), around())).toEqual(client);
	});
});

describe("serve", () => {
	it("warns of a client's token in its environment, which does not protect it", () => {
		const { settings, warnings } = gatherSettings({ flags: {}, env: ENV, file: null });
		expect(settings).toEqual({});
		expect(warnings).toEqual([expect.stringMatching(/^ROLLPIN_AUTH_TOKEN is for verify.*--auth-token-file/)]);
		expect(warnings.join()).not.toContain("of-environment");
	});
});
