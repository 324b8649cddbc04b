// A role that a template of ours does not know: left out or refused, so that `developer` is shown as `system` and `function` refused.
import { describe, expect, it } from "vitest";
import { RollpinError } from "../../src/base/errors.js";
import { ChatTemplate } from "../../src/jinja/template.js";
import type { JsonObject } from "../../src/json/value.js";
import { allFamilies } from "../../src/tito/families/registry.js";
import type { Family } from "../../src/tito/family.js";
import { launchKwargs } from "../../src/tito/kwargs.js";
import { PromptRenderer } from "../../src/tito/renderer.js";
import { message } from "./toy.js";

/** Its template writes any role with its name, as Kimi K2's own does. */
const WRITES_ANY_ROLE = ["kimi25"];

const TEXT = "the-text-of-an-unknown-role";
const unknown = message("narrator", TEXT);
const [question, answer] = [message("user", "q"), message("assistant", "a")];
const PLACES: Readonly<Record<string, JsonObject[]>> = {
	first: [unknown, question],
	later: [question, answer, unknown, question],
	last: [question, answer, unknown],
};

const ours = allFamilies().flatMap((family) =>
	family.prompts.kind === "template" ? [{ name: family.name, family, source: family.prompts.template }] : [],
);

function rendererOf(family: Family, source: string): PromptRenderer {
	return new PromptRenderer(new ChatTemplate(source), new Map(), 1, launchKwargs(new Map(), family));
}

/** Places where the text of an unknown role is in the prompt. */
function placesWritten(family: Family, renderer: PromptRenderer): string[] {
	const kwargs = launchKwargs(new Map(), family);
	return Object.entries(PLACES).flatMap(([place, messages]) => {
		try {
			const text = renderer.comparable({ messages, tools: undefined, kwargs }, true);
			return text.includes(TEXT) ? [place] : [];
		} catch (error) {
			if (error instanceof RollpinError && error.code === "invalid_messages") return [];
			throw error;
		}
	});
}

describe.each(ours.filter(({ name }) => !WRITES_ANY_ROLE.includes(name)))(
	"The template of family $name",
	({ family, source }) => {
		const renderer = rendererOf(family, source);

		it("leaves out or refuses a message of a role that it does not know", () => {
			expect(placesWritten(family, renderer)).toEqual([]);
		});

		it("is given developer as system, and no function", () => {
			expect(renderer.shownRole("developer")).toBe("system");
			const messages = [question, answer, message("function", "done")];
			const kwargs = launchKwargs(new Map(), family);
			expect(() => renderer.prompt({ messages, tools: undefined, kwargs })).toThrow(
				expect.objectContaining({ code: "not_rendered", param: "messages[2]" }),
			);
		});
	},
);

describe.each(ours.filter(({ name }) => WRITES_ANY_ROLE.includes(name)))(
	"The template of family $name",
	({ family, source }) => {
		it("has a place for every role, and keeps its name", () => {
			const renderer = rendererOf(family, source);
			expect(placesWritten(family, renderer)).toEqual(Object.keys(PLACES));
			expect(renderer.shownRole("developer")).toBe("developer");
		});
	},
);
