// docs/tito.md shows what the program does: its worked example is run again and compared.
import { join } from "node:path";
import { beforeAll, expect, it } from "vitest";
import { readBlock, updateBlock } from "../support/doc-blocks.js";
import { REPOSITORY } from "../support/run-rollpin.js";
import { type WorkedExample, workedExample } from "../support/worked-example.js";

let example: WorkedExample;
beforeAll(async () => {
	example = await workedExample(join(REPOSITORY, "dist", "samples", "thread.js"));
});

it("docs/tito.md shows the worked example as a run gives it", () => {
	updateBlock("docs/tito.md", "worked-example", example.text);
	expect(readBlock("docs/tito.md", "worked-example")).toBe(example.text);
});

it("the example's mask, worked out from its records, is the one that samples give", () => {
	expect(example.sampleMask).toContain(1);
	expect(example.sampleMask).toContain(0);
	expect(example.mask).toEqual(example.sampleMask);
});

it("the example passes the checks that it shows how to make", () => {
	expect(example.problems).toEqual([]);
	expect(example.mismatches).toEqual(expect.any(Array));
	expect(
		(example.mismatches as Array<{ type: string }>).filter(({ type }) => type !== "assistant_text"),
	).toEqual([]);
});
