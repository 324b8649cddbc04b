// Settings read again while the cluster runs: what changes, what has to wait for a restart, and what is refused.
import { describe, expect, test } from "vitest";
import { compileConfig } from "../../src/cli/compile-config.js";
import { fileKeyOf } from "../../src/cli/option-names.js";
import { OPTION_KEYS, SERVE_OPTIONS } from "../../src/cli/options.js";
import { rereadSettings, type SettingsInForce } from "../../src/cli/reload-settings.js";
import { gatherSettings } from "../../src/cli/settings.js";
import { reloadablePart, takeOver } from "../../src/config/reload.js";
import { machineWith } from "../support/cli-machine.js";

const TOKEN = "/job/token";

function settings(file: Record<string, unknown>, flags: Record<string, string[]> = {}) {
	return gatherSettings({ flags, env: {}, file: { path: "/job/rollpin.json", text: JSON.stringify(file) } })
		.settings;
}

function started(
	file: Record<string, unknown>,
	files: Record<string, string> = {},
	flags: Record<string, string[]> = {},
): SettingsInForce {
	const read = settings(file, flags);
	return { settings: read, compiled: compileConfig(read, machineWith(files)) };
}

describe("a reload", () => {
	test("of unchanged settings changes nothing, and keeps the name of the launch", () => {
		const before = started({ max_turns: 5 });
		const { changed, needsRestart, next } = rereadSettings(
			before,
			settings({ max_turns: 5 }),
			machineWith({}),
		);
		expect([changed, needsRestart]).toEqual([[], []]);
		expect(next.compiled.config).toEqual(before.compiled.config);
	});

	test("takes limits, lifetimes, log level, matcher and engine; everything else is named and left as it was", () => {
		const at = { upstream: "http://a:1", checkpoint: "/models/x" };
		const files = { "/models/x/tokenizer.json": "{}" };
		const before = started({ ...at, backends: 2 }, files);
		const file = {
			...at,
			upstream: "http://b:2",
			backends: 3,
			mode: "tree",
			log_file: "new.log",
			max_turns: 7,
			session_ttl: 60,
			log_level: "debug",
			message_matcher: "strict",
		};
		const { changed, needsRestart, next } = rereadSettings(before, settings(file), machineWith(files));
		expect(changed.toSorted()).toEqual([
			"log_level",
			"max_turns",
			"message_matcher",
			"session_ttl",
			"upstream",
		]);
		expect(needsRestart.toSorted()).toEqual(["backends", "log_file", "mode"]);
		expect(next.compiled.config).toMatchObject({
			backends: 2,
			mode: "linear",
			upstream: "http://b:2",
			sessionTtlS: 60,
			messageMatcher: "strict",
			limits: { maxTurnsPerSession: 7 },
			log: { level: "debug", file: null },
		});
		// Said again as long as it is so.
		expect(rereadSettings(next, settings(file), machineWith(files))).toMatchObject({
			changed: [],
			needsRestart,
		});
	});

	test("takes the token of a file whose name is the same, and never shows it", () => {
		const before = started({ auth_token_file: TOKEN }, { [TOKEN]: "old" });
		const read = settings({ auth_token_file: TOKEN });
		const { changed, next } = rereadSettings(before, read, machineWith({ [TOKEN]: "new" }));
		expect([changed, next.compiled.config.authToken]).toEqual([["auth_token_file"], "new"]);
	});

	test("leaves what a flag says, and what is gone from the file goes back to its default", () => {
		const flags = { maxTurns: ["9"] };
		const before = started({ max_turns: 5, max_queue: 3 }, {}, flags);
		const { changed, next } = rereadSettings(before, settings({ max_turns: 6 }, flags), machineWith({}));
		expect(changed).toEqual(["max_queue"]);
		expect(next.compiled.config.limits).toMatchObject({ maxTurnsPerSession: 9, maxQueuePerSession: 16 });
	});

	test("does not exchange the simulated engine for another", () => {
		const before = started({});
		const files = { "/models/x/tokenizer.json": "{}" };
		const file = { upstream: "http://a:1", checkpoint: "/models/x" };
		const { changed, needsRestart } = rereadSettings(before, settings(file), machineWith(files));
		expect(changed).toEqual([]);
		expect(needsRestart).toContain("upstream");
	});

	test.each([
		["a value that breaks its rule", { max_turns: 0 }, {}, "max_turns in rollpin.json 0: must be"],
		["a broken setting that would not change", { backends: 0 }, {}, "backends in rollpin.json 0: must be"],
		["a rule between two settings", { session_ttl: 9, max_session_ttl: 8 }, {}, "must not be above"],
		["a token file that is gone", { auth_token_file: "/job/absent" }, {}, "cannot be read"],
		["an empty token file", { auth_token_file: TOKEN }, { [TOKEN]: "\n" }, "must hold one token"],
		["no token any more where one is needed", { host: "0.0.0.0" }, {}, "needs a token"],
	])("is refused for %s", (_what, file, files, reason) => {
		const before = started({ host: "0.0.0.0", auth_token_file: TOKEN }, { [TOKEN]: "old" });
		expect(() => rereadSettings(before, settings(file), machineWith(files))).toThrow(reason);
	});

	test("does not let a token go that what is left as it was needs", () => {
		const before = started({ host: "0.0.0.0", auth_token_file: TOKEN }, { [TOKEN]: "old" });
		// With the new host it would need none, but that takes a restart.
		expect(() => rereadSettings(before, settings({ host: "127.0.0.1" }), machineWith({}))).toThrow(
			"needs a token",
		);
	});
});

/** A reloadable setting, and another value than its default. */
const OTHERS: Record<string, unknown> = {
	upstream: "http://b:2",
	message_matcher: "strict",
	session_ttl: 60,
	max_session_ttl: 90_000,
	session_idle_ttl: 60,
	auth_token_file: TOKEN,
	max_body_mib: 1,
	max_messages: 2,
	max_json_depth: 5,
	max_turns: 2,
	max_session_tokens: 2,
	max_sessions: 2,
	max_queue: 2,
	max_reply_mib: 300,
	max_inflight: 2,
	max_inflight_mib: 512,
	max_tree_nodes: 2,
	log_level: "warn",
};

test("every setting that is marked as reloadable is one that a running process takes over, whole", () => {
	const marked = OPTION_KEYS.filter((key) => "reloadable" in SERVE_OPTIONS[key]).map(fileKeyOf);
	expect(marked.sort()).toEqual(Object.keys(OTHERS).sort());
	const files = { "/models/x/tokenizer.json": "{}", [TOKEN]: "token" };
	const at = { upstream: "http://a:1", checkpoint: "/models/x" };
	for (const [key, value] of Object.entries(OTHERS)) {
		const before = started(at, files);
		const { next } = rereadSettings(before, settings({ ...at, [key]: value }), machineWith(files));
		const running = structuredClone(before.compiled.config);
		const { limits } = running;
		takeOver(running, reloadablePart(next.compiled.config));
		expect(running).toEqual(next.compiled.config);
		expect([key, running]).not.toEqual([key, before.compiled.config]);
		expect(running.limits).toBe(limits);
	}
});
