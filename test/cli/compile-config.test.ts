// compileConfig as a table: good settings and the field they end in, bad settings and the line they get.
import { describe, expect, it } from "vitest";
import { ConfigError } from "../../src/base/errors.js";
import { compileConfig } from "../../src/cli/compile-config.js";
import type { Machine } from "../../src/cli/settled-values.js";
import type { ClusterConfig } from "../../src/config/cluster-config.js";
import { flagSettings, machineWith, TOY_DIR } from "../support/cli-machine.js";

function compile(flags: Record<string, string | boolean>, machine: Machine = machineWith()): ClusterConfig {
	return compileConfig(flagSettings(flags), machine).config;
}

const REAL_ENGINE = { upstream: "http://127.0.0.1:30000", checkpoint: "/models/qwen" };

describe("defaults", () => {
	it("are those of the contract", () => {
		expect(compile({})).toEqual({
			backends: 4,
			backendsWhy: "one for each 4 of 16 usable cores, at least 1, at most 8",
			host: "127.0.0.1",
			port: 8080,
			upstream: null,
			upstreamTimeoutMs: 600_000,
			checkpointDir: TOY_DIR,
			chatTemplateFile: null,
			chatTemplateKwargsJson: "{}",
			titoModel: "qwen3",
			titoModelWhy: "the toy checkpoint",
			toolSchemaVersion: "auto",
			engineCheck: "warn",
			mode: "linear",
			messageMatcher: "echo",
			onAlteredAnswer: "refuse",
			dataDir: "/job/rollpin-data",
			store: "disk",
			durability: "process",
			sessionTtlS: 86_400,
			maxSessionTtlS: 86_400,
			sessionIdleTtlS: 7200,
			tombstones: 10_000,
			heartbeatIntervalMs: 30_000,
			drainTimeoutMs: 30_000,
			r3: "off",
			r3Keep: "all",
			authToken: null,
			allowedHosts: [],
			forwardAuthorization: false,
			passThroughPaths: [
				"/v1/models",
				"/v1/embeddings",
				"/tokenize",
				"/detokenize",
				"/get_model_info",
				"/abort_request",
				"/health",
			],
			samplingReplay: false,
			samplesWire: "2026-09",
			servedModel: null,
			onDisconnect: "cancel",
			replyPromptIds: "asked",
			controlText: "allow",
			evictDumpDir: null,
			samplePicker: null,
			samplePostprocessor: null,
			sseKeepaliveMs: 0,
			instanceId: "0123456789abcdef0123456789abcdef",
			limits: {
				maxBodyBytes: 256 * 1024 * 1024,
				maxMessages: 10_000,
				maxJsonDepth: 64,
				maxTurnsPerSession: 10_000,
				maxTokensPerSession: 1_048_576,
				maxSessionsPerWorker: 20_000,
				maxQueuePerSession: 16,
				maxInflightPerWorker: 4096,
				maxInflightBytesPerWorker: 4096 * 1024 * 1024,
				maxTreeNodes: 1024,
				maxReplyBytes: 256 * 1024 * 1024,
			},
			log: { file: null, format: "json", level: "info", content: false },
			sandbox: null,
		});
	});

	it("bound a reply of the engine by what the engine is asked for", () => {
		const mib = (flags: Parameters<typeof compile>[0]) => compile(flags).limits.maxReplyBytes / 1024 / 1024;
		expect(mib({ r3: "full" })).toBe(2048);
		expect(mib({ samplingReplay: true })).toBe(2048);
		expect(mib({ r3: "full", maxReplyMib: "5" })).toBe(5);
	});

	it("take a worker for each four cores, and leave the others to agents, engine and trainer", () => {
		const backends = [0.5, 1, 2, 7.9, 8, 16, 32, 64].map(
			(cores) => compile({}, machineWith({}, { cores })).backends,
		);
		expect(backends).toEqual([1, 1, 1, 1, 2, 4, 8, 8]);
	});

	it("say what the number of workers was chosen by", () => {
		expect(compile({}, machineWith({}, { cores: 2.5 })).backendsWhy).toBe(
			"one for each 4 of 2.5 usable cores, at least 1, at most 8",
		);
		expect(compile({ backends: "3" }).backendsWhy).toBe("--backends");
	});

	it("log for people on a terminal and as JSON elsewhere", () => {
		const terminal = machineWith({}, { stdoutIsTerminal: true });
		expect(compile({}, terminal).log.format).toBe("pretty");
		expect(compile({ logFormat: "json" }, terminal).log.format).toBe("json");
		// Nobody watches a file.
		expect(compile({ logFile: "rollpin.log" }, terminal).log).toMatchObject({
			format: "json",
			file: "/job/rollpin.log",
		});
	});

	it("share half of a small machine's memory, but never less than one body", () => {
		const bytes = (memoryMib: number) =>
			compile({ backends: "4" }, machineWith({}, { memoryMib })).limits.maxInflightBytesPerWorker /
			1024 /
			1024;
		expect([bytes(16_384), bytes(1024), bytes(1_000_000)]).toEqual([2048, 256, 4096]);
	});

	it("lower the usual lifetime to the longest one", () => {
		expect(compile({ maxSessionTtl: "3600" }).sessionTtlS).toBe(3600);
	});
});

describe("good settings", () => {
	const cases: Array<[Record<string, string | boolean>, Partial<ClusterConfig>]> = [
		[{ backends: "64" }, { backends: 64 }],
		[{ port: "0" }, { port: 0 }],
		[{ host: "::1" }, { host: "::1" }],
		[{ host: "127.0.0.2" }, { host: "127.0.0.2" }],
		[
			{ host: "0.0.0.0", insecure: true },
			{ host: "0.0.0.0", authToken: null },
		],
		[{ upstreamTimeout: "0.25" }, { upstreamTimeoutMs: 250 }],
		[{ heartbeatInterval: "1.5" }, { heartbeatIntervalMs: 1500 }],
		[{ drainTimeout: "0" }, { drainTimeoutMs: 0 }],
		[{ sessionIdleTtl: "0" }, { sessionIdleTtlS: 0 }],
		[
			{ ...REAL_ENGINE, upstream: "http://gw:30000//" },
			{ upstream: "http://gw:30000", checkpointDir: "/models/qwen" },
		],
		[{ ...REAL_ENGINE, upstream: "https://gw/base/" }, { upstream: "https://gw/base" }],
		[{ checkpoint: "../models/qwen" }, { checkpointDir: "/models/qwen", upstream: null }],
		[{ dataDir: "state" }, { dataDir: "/job/state" }],
		[{ titoModel: "default" }, { titoModel: "default" }],
		[REAL_ENGINE, { titoModel: "default" }],
		[{ passThrough: "/v1/models, /generate,/generate" }, { passThroughPaths: ["/v1/models", "/generate"] }],
		[{ store: "memory" }, { store: "memory" }],
		[{ durability: "power" }, { durability: "power" }],
		[{ messageMatcher: "loose_tool_call" }, { messageMatcher: "loose_tool_call" }],
		[{ onDisconnect: "commit" }, { onDisconnect: "commit" }],
		[{ replyPromptIds: "on" }, { replyPromptIds: "on" }],
		[{ samplingReplay: "true" }, { samplingReplay: true }],
		[{ servedModel: "Qwen/Qwen3-8B" }, { servedModel: "Qwen/Qwen3-8B" }],
		[{ toolSchemaVersion: "1" }, { toolSchemaVersion: 1 }],
		[{ toolSchemaVersion: "2" }, { toolSchemaVersion: 2 }],
		[{ toolSchemaVersion: "3" }, { toolSchemaVersion: 3 }],
		[{ engineCheck: "refuse" }, { engineCheck: "refuse" }],
		[{ r3Keep: "latest" }, { r3Keep: "latest" }],
	];
	it.each(cases)("%j becomes %j", (flags, expected) => {
		expect(compile(flags)).toMatchObject(expected);
	});

	it("keep the spelling of numbers in template kwargs", () => {
		const spelled = '{"b": 1.0, "a": 1e-07, "n": 12345678901234567890}';
		expect(compile({ chatTemplateKwargs: spelled }).chatTemplateKwargsJson).toBe(spelled);
	});

	it("take the token without the newline that ends its file", () => {
		const machine = machineWith({ "/run/token": "s3cret-token\n" });
		expect(compile({ authTokenFile: "/run/token", host: "0.0.0.0" }, machine).authToken).toBe("s3cret-token");
	});
});

describe("bad settings get one line with flag, rule and remedy", () => {
	const files = {
		"/run/empty": "\n",
		"/run/two": "one two\n",
		"/t.jinja": "{{ messages }}",
		"/job/file": "",
	};
	const cases: Array<[Record<string, string | boolean>, RegExp]> = [
		[{ backends: "0" }, /^--backends 0: must be a whole number from 1 to 64; change it/],
		[{ backends: "65" }, /^--backends 65: must be a whole number from 1 to 64/],
		[{ backends: "2.5" }, /^--backends 2\.5: must be a whole number/],
		[{ backends: "0x4" }, /^--backends 0x4: /],
		[{ backends: "1e1" }, /^--backends 1e1: /],
		[{ backends: "-1" }, /^--backends -1: /],
		[{ backends: "" }, /^--backends "": /],
		[{ backends: " 4" }, /^--backends " 4": /],
		[{ port: "65536" }, /^--port 65536: must be a whole number from 0 to 65535/],
		[{ host: "[::1]" }, /^--host \[::1\]: must be a host name or an IP address without brackets/],
		[{ host: "999.1.1.1" }, /^--host 999/],
		[{ host: "a b" }, /^--host "a b": /],
		[{ host: "0.0.0.0" }, /^--host 0\.0\.0\.0: .*not loopback.*--auth-token-file, or --insecure/],
		[{ host: "::" }, /^--host ::: .*not loopback/],
		[{ host: "example.org" }, /^--host example\.org: .*not loopback/],
		[{ upstream: "http://gw:30000" }, /^--upstream: needs the engine's tokenizer; give --checkpoint/],
		[{ ...REAL_ENGINE, upstream: "gw:30000" }, /^--upstream gw:30000: must be an http:\/\/ or https:\/\//],
		[{ ...REAL_ENGINE, upstream: "http://a,http://b" }, /^--upstream http:\/\/a,http:\/\/b: must be an http/],
		[{ ...REAL_ENGINE, upstream: "ftp://gw" }, /^--upstream ftp:/],
		[{ ...REAL_ENGINE, upstream: "http://gw/v1" }, /^--upstream .*a final \/v1/],
		[{ ...REAL_ENGINE, upstream: "http://u:p@gw" }, /^--upstream .*without credentials/],
		[{ ...REAL_ENGINE, upstream: "http://gw?x=1" }, /^--upstream .*query/],
		[{ ...REAL_ENGINE, checkpoint: "/nowhere" }, /^--checkpoint \/nowhere: no such directory/],
		[{ checkpoint: "/models/empty" }, /^--checkpoint \/models\/empty: holds no tokenizer\.json/],
		[
			{ titoModel: "qwen3", chatTemplate: "/t.jinja" },
			/^--tito-model qwen3: has its own template; leave out --chat-template/,
		],
		[{ toolSchemaVersion: "4" }, /^--tool-schema-version 4: must be one of auto, 1, 2, 3; /],
		[
			{ r3: "incremental", r3Keep: "latest" },
			/^--r3-keep latest: with --r3 incremental every turn's payload is needed; leave out/,
		],
		[{ chatTemplate: "/nowhere.jinja" }, /^--chat-template \/nowhere\.jinja: no such file/],
		[{ chatTemplateKwargs: "[]" }, /^--chat-template-kwargs \[\]: must be a JSON object/],
		[{ chatTemplateKwargs: "{bad" }, /^--chat-template-kwargs \{bad: must be a JSON object/],
		[{ chatTemplateKwargs: "null" }, /^--chat-template-kwargs null: /],
		[{ titoModel: "Qwen3" }, /^--tito-model Qwen3: must be one of default, qwen3, /],
		[{ samplePicker: "/p.mjs" }, /^--sample-picker \/p\.mjs: works on a tree's leaves; give --mode tree/],
		[
			{ mode: "tree", samplePostprocessor: "/p.mjs" },
			/^--sample-postprocessor \/p\.mjs: no such file; give an ES module/,
		],
		[{ servedModel: "" }, /^--served-model "": must be 1 to 512 characters/],
		[{ servedModel: "a\nb" }, /^--served-model "a/],
		[{ servedModel: " a" }, /^--served-model " a": must be/],
		[{ sseKeepalive: "-1" }, /^--sse-keepalive -1: must be/],
		[
			{ sessionTtl: "100", maxSessionTtl: "50" },
			/^--session-ttl 100: must not be above --max-session-ttl \(50\)/,
		],
		[{ sessionTtl: "86401" }, /^--session-ttl 86401: must not be above --max-session-ttl \(86400\)/],
		[{ sessionTtl: "1.5" }, /^--session-ttl 1\.5: must be a whole number/],
		[
			{ maxSessionTtl: "2147484" },
			/^--max-session-ttl 2147484: must be a whole number from 1 to 2147483 \(s\)/,
		],
		[{ samplingReplay: "true", r3Keep: "latest" }, /^--r3-keep latest: with --sampling-replay every turn/],
		[{ store: "memory", durability: "power" }, /^--durability power: --store memory keeps nothing/],
		[{ dataDir: "file" }, /^--data-dir \/job\/file: is a file; give a directory/],
		[{ dataDir: "" }, /^--data-dir "": must be the path of a directory/],
		[{ maxInflightMib: "10" }, /^--max-inflight-mib 10: must not be below --max-body-mib \(256\)/],
		[{ maxBodyMib: "512" }, /^--max-body-mib 512: must be a plain number from 0\.001 to 511 \(MiB\)/],
		[{ passThrough: "/a/../b" }, /^--pass-through \/a\/\.\.\/b: must be a comma-separated list/],
		[{ passThrough: "models" }, /^--pass-through models: /],
		[{ passThrough: "" }, /^--pass-through "": /],
		[{ authTokenFile: "/nowhere" }, /^--auth-token-file \/nowhere: cannot be read/],
		[{ authTokenFile: "/run/empty" }, /^--auth-token-file \/run\/empty: must hold one token/],
		[{ authTokenFile: "/run/two" }, /^--auth-token-file \/run\/two: must hold one token/],
		[{ logLevel: "verbose" }, /^--log-level verbose: must be one of trace, debug/],
		[{ instanceId: "a/b" }, /^--instance-id a\/b: must be 1 to 128 of/],
	];
	it.each(cases)("%j", (flags, expected) => {
		let caught: unknown;
		try {
			compile(flags, machineWith(files));
		} catch (error) {
			caught = error;
		}
		expect(caught).toBeInstanceOf(ConfigError);
		const message = caught instanceof Error ? caught.message : "";
		expect(message).toMatch(expected);
		expect(message).not.toMatch(/\n/);
	});

	it("never quotes the token", () => {
		const machine = machineWith({ "/run/token": "top secret" });
		expect(() => compile({ authTokenFile: "/run/token" }, machine)).toThrow(/^(?!.*top secret).*$/);
	});

	it("cuts a long value and keeps it on one line", () => {
		expect(() => compile({ logLevel: `a\n${"b".repeat(500)}` })).toThrow(
			/^--log-level "a\\nb{60,75}\.\.\.: must be/,
		);
	});

	it("says so when the package lost its toy checkpoint", () => {
		const machine = machineWith({}, { toyCheckpointDir: "/gone" });
		expect(() => compile({}, machine)).toThrow(/toy checkpoint is missing \(\/gone\); install rollpin again/);
	});
});

describe("a setting that does nothing beside the others is named in a warning", () => {
	const warned = (flags: Record<string, string | boolean>) =>
		compileConfig(flagSettings(flags), machineWith()).warnings;
	it.each([
		[{ r3Keep: "latest" }, /^--r3-keep latest: --r3 is off, .*; give --r3 full, or leave it out$/],
		[{ r3Keep: "latest", r3: "off" }, /^--r3-keep latest: --r3 is off/],
		[{ maxTreeNodes: "7" }, /^--max-tree-nodes 7: not used, .*; give --mode tree, or leave it out$/],
		[{ dataDir: "x", store: "memory" }, /^--data-dir \/job\/x: not used, --store memory keeps nothing/],
	])("%j", (flags: Record<string, string>, message) => {
		expect(warned(flags)).toEqual([expect.stringMatching(message)]);
	});

	it.each([
		[{}],
		[{ r3Keep: "all" }],
		[{ r3Keep: "latest", r3: "full" }],
		[{ maxTreeNodes: "7", mode: "tree" }],
		[{ dataDir: "x" }],
		[{ store: "memory" }],
	])("but not %j", (flags: Record<string, string>) => {
		expect(warned(flags)).toEqual([]);
	});
});
