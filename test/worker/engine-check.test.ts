// The truth check against the simulated engine: each family over its own template, and one thing wrong at a time.
import { once } from "node:events";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { sglang } from "../../src/engine/sglang/sglang.js";
import { type SimEngine, startSimEngine } from "../../src/sim/server.js";
import { createTito } from "../../src/tito/create.js";
import { familyNamed } from "../../src/tito/families/registry.js";
import type { ToolSchemaVersion } from "../../src/tito/tools.js";
import { checkEngine, checkText, type EngineCheck } from "../../src/worker/engine-check.js";
import { EngineChecker } from "../../src/worker/engine-checker.js";
import { removeToy, toyWith } from "../tito/family-rig.js";
import { TOY_RIGS } from "../tito/rigs.js";

const TOY = join(import.meta.dirname, "..", "..", "checkpoints", "toy");
const cleanups: Array<() => Promise<void> | void> = [];
afterEach(async () => {
	for (const cleanup of cleanups.splice(0)) await cleanup();
});

/** The toy tokenizer under another template. */
function checkpointWith(template: string): string {
	const dir = mkdtempSync(join(tmpdir(), "rollpin-truth-"));
	cleanups.push(() => rmSync(dir, { recursive: true }));
	cpSync(TOY, dir, { recursive: true });
	writeFileSync(join(dir, "chat_template.jinja"), template);
	return dir;
}

async function engineOf(checkpointDir: string, release = "0.5.23"): Promise<SimEngine> {
	const engine = await startSimEngine({ checkpointDir, engineVersion: release });
	cleanups.push(() => engine.close());
	return engine;
}

/** Passes chats only, their functions' keys in its own order, as smg does. */
async function reorderingGateway(engine: string): Promise<string> {
	const server = createServer((request, response) => {
		void (async () => {
			if (request.url !== "/v1/chat/completions") return response.writeHead(404).end("{}");
			const body = JSON.parse(await text(request)) as { tools?: Array<Record<string, unknown>> };
			const tools = body.tools?.map((tool) => {
				const { name, description, parameters, strict } = tool["function"] as Record<string, unknown>;
				return { ...tool, function: { name, description, parameters, strict } };
			});
			const reply = await fetch(engine + request.url, {
				method: "POST",
				headers: { "content-type": "application/json" },
				body: JSON.stringify({ ...body, tools }),
			});
			response.writeHead(reply.status).end(await reply.text());
		})();
	}).listen(0, "127.0.0.1");
	await once(server, "listening");
	cleanups.push(() => void server.close());
	return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function check(
	url: string,
	checkpointDir: string,
	titoModel: string,
	toolSchemaVersion: ToolSchemaVersion = 3,
): Promise<EngineCheck> {
	const tito = await createTito({
		checkpointDir,
		chatTemplateFile: null,
		chatTemplateKwargs: new Map(),
		titoModel,
		toolSchemaVersion,
	});
	return checkEngine({
		engine: { url, dialect: sglang },
		model: null,
		tito,
		familyCompared: true,
		timeoutMs: 20_000,
	});
}

const familyTemplate = (name: string): string => {
	const { prompts } = familyNamed(name);
	if (prompts.kind !== "template") throw new Error(`${name} brings no template`);
	return prompts.template;
};

const found = (result: EngineCheck) =>
	result.rows.filter(({ finding }) => finding !== null).map(({ conversation }) => conversation);

describe("an engine that renders as we do", () => {
	test.each(TOY_RIGS.filter(({ titoModel }) => titoModel !== "default"))(
		"with the template of $titoModel is found to",
		async ({ titoModel: family, tokens, template }) => {
			const dir = toyWith(tokens, template);
			cleanups.push(() => removeToy(dir));
			if (template === undefined) writeFileSync(join(dir, "chat_template.jinja"), familyTemplate(family));
			const result = await check((await engineOf(dir)).url, dir, family);
			expect(checkText(result, "E")).toBe(
				"the engine at E renders 7 short conversations to the same ids as we do (by tokenize)",
			);
			expect(result.result).toBe("ok");
			expect(result.rows.map(({ template, family: as }) => [template, as])).toEqual(
				Array.from({ length: 7 }, () => ["same", "same"]),
			);
		},
	);

	test("is found to behind a gateway that has no /tokenize and writes tools in its own order", async () => {
		const dir = checkpointWith(familyTemplate("qwen3"));
		const gateway = await reorderingGateway((await engineOf(dir)).url);
		const result = await check(gateway, dir, "qwen3");
		expect(result).toMatchObject({ result: "ok", by: "chat" });
		expect(found(await check(gateway, dir, "qwen3", 2))).toEqual([
			"tools",
			"call and result",
			"tool_choice named",
		]);
	});

	test("and drops earlier reasoning by its own template differs on purpose only", async () => {
		const own = `{%- for m in messages %}{%- if m.reasoning_content %}{%- set _ = 0 %}{%- endif %}{%- endfor %}${familyTemplate("qwen3")}`;
		const dir = checkpointWith(own.replaceAll("reasoning_content", "no_such_field"));
		const result = await check((await engineOf(dir)).url, dir, "qwen3");
		expect(result.rows.find(({ conversation }) => conversation === "reasoning kept")).toMatchObject({
			template: "same",
			family: "on purpose",
			finding: null,
		});
		expect(result.result).toBe("ok");
	});

	test("of an older release spells tools as schema 2", async () => {
		const dir = checkpointWith(familyTemplate("qwen3"));
		const { url } = await engineOf(dir, "0.5.16");
		expect((await check(url, dir, "qwen3", 2)).result).toBe("ok");
	});
});

describe("what is wrong is named with the first token that differs", () => {
	test("the tool schema", async () => {
		const dir = checkpointWith(familyTemplate("qwen3"));
		const { url } = await engineOf(dir);
		const result = await check(url, dir, "qwen3", 2);
		expect(result.result).toBe("differs");
		expect(found(result)).toEqual(["tools", "call and result", "tool_choice named"]);
		expect(result.rows[2]?.finding?.engine).toContain("weather");
		expect(checkText(result, url)).toMatch(
			/renders "tools" to other ids from token \d+ on: ours .*--tool-schema-version/,
		);
	});

	test("the family", async () => {
		const dir = checkpointWith(familyTemplate("qwen3"));
		const { url } = await engineOf(dir);
		const result = await check(url, dir, "qwen35");
		expect(result.rows.every(({ template }) => template === "same")).toBe(true);
		expect(found(result)).toContain("tools");
		expect(checkText(result, url)).toContain("--tito-model is not the model's family");
	});

	test("the template", async () => {
		const dir = checkpointWith(familyTemplate("qwen3"));
		const { url } = await engineOf(checkpointWith(familyTemplate("qwen3").replace("user", "human")));
		const other = checkpointWith(`{{ 'Note: ' }}${familyTemplate("qwen3")}`);
		expect((await check(url, other, "default")).result).toBe("differs");
		const result = await check((await engineOf(other)).url, dir, "qwen3");
		expect(found(result)).toHaveLength(7);
		expect(result.rows[0]?.finding).toMatchObject({ position: 0 });
		expect(checkText(result, "E")).toMatch(/chat template or tool schema are not the engine's/);
	});

	test("the template, where ours refuses what the engine shows", async () => {
		const { url } = await engineOf(checkpointWith(familyTemplate("qwen3")));
		const refusing = checkpointWith("{{ raise_exception('no such role') }}");
		const result = await check(url, refusing, "default");
		expect(result.result).toBe("differs");
		expect(found(result)).toHaveLength(7);
		expect(checkText(result, url)).toMatch(/ours "refused: .*no such role", the engine's ".*--chat-template/);
	});

	test("the tokenizer", async () => {
		const dir = checkpointWith(familyTemplate("qwen3"));
		const other = checkpointWith(familyTemplate("qwen3"));
		const file = join(other, "tokenizer.json");
		const tokenizer = JSON.parse(readFileSync(file, "utf8"));
		tokenizer.model.merges = tokenizer.model.merges.slice(0, 50);
		writeFileSync(file, JSON.stringify(tokenizer));
		const result = await check((await engineOf(other)).url, dir, "qwen3");
		expect(result.result).toBe("differs");
		expect(found(result)).toHaveLength(7);
	});
});

describe("an engine that can't be asked", () => {
	test("is skipped: nobody there, no ids, no answer in time", async () => {
		const dir = checkpointWith(familyTemplate("qwen3"));
		expect(await check("http://127.0.0.1:9", dir, "qwen3")).toMatchObject({
			result: "skipped",
			by: "ECONNREFUSED",
		});
		const server = createServer((_request, response) => void response.end("{}")).listen(0, "127.0.0.1");
		await once(server, "listening");
		cleanups.push(() => void server.close());
		const { port } = server.address() as AddressInfo;
		expect(await check(`http://127.0.0.1:${port}`, dir, "qwen3")).toMatchObject({
			result: "skipped",
			by: "/tokenize answered 200, a chat 200 without prompt_token_ids",
		});
	});
});

describe("the checker", () => {
	const row = {
		conversation: "plain",
		tokens: 1,
		template: "differs",
		family: "same",
		finding: { position: 0, ours: "a", engine: "b" },
	} as const;
	const OK: EngineCheck = { result: "ok", by: "tokenize", rows: [] };
	const DIFFERS: EngineCheck = { result: "differs", by: "tokenize", rows: [row] };
	const SKIPPED: EngineCheck = { result: "skipped", by: "ECONNREFUSED", rows: [] };

	function checker(mode: "warn" | "refuse", results: EngineCheck[]) {
		const told: string[] = [];
		let runs = 0;
		const made = new EngineChecker(
			{
				mode,
				url: "E",
				run: async () => results[Math.min(runs++, results.length - 1)] ?? OK,
				onResult: ({ result }) => told.push(result),
			},
			false,
		);
		return { made, told, runs: () => runs };
	}

	test("with warn lets every chat through, unasked", async () => {
		const { made, runs } = checker("warn", [DIFFERS]);
		await made.pass();
		expect(runs()).toBe(0);
	});

	test("with refuse lets no chat through but to an engine that was compared", async () => {
		const { made } = checker("refuse", [SKIPPED, DIFFERS]);
		await expect(made.pass()).rejects.toMatchObject({
			code: "upstream_unchecked",
			status: 503,
			retryAfterS: 2,
		});
		await expect(made.pass()).rejects.toMatchObject({ code: "upstream_unfit", status: 502 });
	});

	test("with refuse compares again after a while: another engine may have taken the place of one that differed", async () => {
		vi.useFakeTimers({ toFake: ["performance"] });
		onTestFinished(() => void vi.useRealTimers());
		const { made, runs } = checker("refuse", [DIFFERS, OK]);
		for (let chat = 0; chat < 3; chat++)
			await expect(made.pass()).rejects.toMatchObject({ code: "upstream_unfit" });
		expect([runs(), made.refusal]).toEqual([1, expect.stringContaining("E")]);
		vi.advanceTimersByTime(2_000);
		await made.pass();
		await made.pass();
		expect([runs(), made.refusal]).toEqual([2, null]);
	});

	test("compares once, and again when the engine was away; says only what is new", async () => {
		const { made, told, runs } = checker("refuse", [SKIPPED, SKIPPED, OK]);
		await expect(made.pass()).rejects.toThrow("ECONNREFUSED");
		await expect(made.pass()).rejects.toThrow("ECONNREFUSED");
		await Promise.all([made.pass(), made.pass()]);
		await made.pass();
		expect(runs()).toBe(3);
		made.forget();
		await made.pass();
		expect(runs()).toBe(4);
		expect(told).toEqual(["skipped", "ok"]);
	});
});
