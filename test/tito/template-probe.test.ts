// A family that writes another prompt than the checkpoint's template is reported at the start, one that fits is not.
import { describe, expect, test } from "vitest";
import { ChatTemplate } from "../../src/jinja/template.js";
import { createTito } from "../../src/tito/create.js";
import { PromptRenderer } from "../../src/tito/renderer.js";
import { INSTRUCTED_QUESTION, writeAlike } from "../../src/tito/template-probe.js";
import { isShared, LOADING_MS, sharedCheckpoint } from "./shared.js";
import { toyTito } from "./toy.js";

test.each([
	["default", false],
	["qwen3", true],
	["qwen35", true],
])("family %s on the toy checkpoint, which shows tools in its own words", async (titoModel, differs) => {
	expect((await toyTito({ titoModel })).differsFromCheckpoint).toBe(differs);
});

describe("families on real checkpoints", () => {
	const rows: Array<[checkpoint: string, titoModel: string, differs: boolean]> = [
		["qwen3", "qwen3", false],
		["qwen3", "qwen35", true],
		["qwen3", "qwennext", true],
		["nemotron-3", "nemotron3", false],
		["nemotron-3", "qwen3", true],
		["glm-4.7", "glm47", false],
	];
	test.each(rows.filter(([checkpoint]) => isShared(checkpoint)))(
		"%s with --tito-model %s",
		async (checkpoint, titoModel, differs) => {
			const tito = await createTito({
				checkpointDir: sharedCheckpoint(checkpoint),
				chatTemplateFile: null,
				chatTemplateKwargs: new Map(),
				titoModel,
			});
			expect(tito.differsFromCheckpoint).toBe(differs);
		},
		LOADING_MS,
	);
});

test("a format that refuses a conversation is neither like another nor unlike it", () => {
	const format = (source: string) => new PromptRenderer(new ChatTemplate(source), new Map());
	const [writing, other] = [
		"{{ messages[-1].content }}{{ messages[0].content }}",
		"{{ messages[0].content }}{{ messages[-1].content }}",
	].map(format) as [PromptRenderer, PromptRenderer];
	const refusing = format("{{ raise_exception('no') }}");
	const alike = (one: PromptRenderer, two: PromptRenderer) =>
		writeAlike(one, two, INSTRUCTED_QUESTION, new Map());
	expect([alike(writing, writing), alike(writing, other)]).toEqual([true, false]);
	expect([alike(writing, refusing), alike(refusing, writing), alike(refusing, refusing)]).toEqual([
		null,
		null,
		null,
	]);
});
