// A family that writes another prompt than the checkpoint's template is reported at the start, one that fits is not.
import { describe, expect, test } from "vitest";
import { createTito } from "../../src/tito/create.js";
import { isShared, LOADING_MS, sharedCheckpoint } from "./shared.js";
import { toyTito } from "./toy.js";

test.each([
	["default", false],
	["qwen3", true],
	["qwen35", true],
])("family %s on the toy checkpoint, which tells of tools in its own words", async (titoModel, differs) => {
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
