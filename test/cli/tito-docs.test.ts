// docs/tito.md shows what the program does: its worked examples are run again and compared.
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readBlock, updateBlock } from "../support/doc-blocks.js";
import { REPOSITORY } from "../support/run-rollpin.js";
import {
	type ExampleFamily,
	NEWLINE_EXAMPLE,
	trimmingExample,
	type WorkedExample,
	workedExample,
} from "../support/worked-example.js";
import { removeToy, toyWith } from "../tito/family-rig.js";
import { GLM_LIKE, GLM_TOKENS } from "../tito/rigs.js";

const glmDir = toyWith(GLM_TOKENS, GLM_LIKE);
afterAll(() => removeToy(glmDir));

const EXAMPLES: Array<{ block: string; family: ExampleFamily }> = [
	{ block: "worked-example", family: NEWLINE_EXAMPLE },
	{ block: "trimming-example", family: trimmingExample(glmDir) },
];

describe.each(EXAMPLES)("the block $block of docs/tito.md", ({ block, family }) => {
	let example: WorkedExample;
	beforeAll(async () => {
		example = await workedExample(join(REPOSITORY, "dist", "samples", "thread.js"), family);
	});

	it("shows the session as a run gives it", () => {
		updateBlock("docs/tito.md", block, example.text);
		expect(readBlock("docs/tito.md", block)).toBe(example.text);
	});

	it("has a mask, worked out from its records, that is the one that samples give", () => {
		expect(example.sampleMask).toContain(1);
		expect(example.sampleMask).toContain(0);
		expect(example.mask).toEqual(example.sampleMask);
	});

	it("passes the checks that it shows how to make", () => {
		expect(example.problems).toEqual([]);
		expect(example.mismatches).toEqual(expect.any(Array));
		expect(
			(example.mismatches as Array<{ type: string }>).filter(({ type }) => type !== "assistant_text"),
		).toEqual([]);
	});
});
