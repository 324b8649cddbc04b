// What of a message reaches the prompt, as the probe finds it out: separators of parts, and fields that are shown.
import { describe, expect, it } from "vitest";
import { ChatTemplate } from "../../src/jinja/template.js";
import { familyNamed } from "../../src/tito/families/registry.js";
import { MessageProbe, wordsOf } from "../../src/tito/message-probe.js";
import { PromptRenderer } from "../../src/tito/renderer.js";
import { toyTito } from "./toy.js";

function probe(source: string): MessageProbe {
	return new MessageProbe(
		new PromptRenderer(new ChatTemplate(source), new Map()),
		new Map(),
		wordsOf(source),
	);
}

const ONE_LINE = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}";
const LISTS =
	"{% for m in messages %}{% if m.content is string %}{{ m.content }}{% else %}{% for p in m.content %}{{ p.text }}{% endfor %}{% endif %}{% endfor %}";
const NAMES = "{% for m in messages %}{% if m.name %}[{{ m.name }}]{% endif %}{{ m.content }}{% endfor %}";
const CALL_IDS =
	"{% for m in messages %}{{ m.content }}{% for c in m.tool_calls or [] %}{{ c.id }}{{ c.function.name }}{% endfor %}{% endfor %}";
const WHOLE_CALLS =
	"{% for m in messages %}{{ m.content }}{% if m.tool_calls %}{{ m.tool_calls | tojson }}{% endif %}{% endfor %}";
const LAST_ONLY =
	"{% for m in messages %}{{ m.content }}{% if loop.last %}{{ m.hint or '' }}{% endif %}{% endfor %}";

describe("The separator of parts", () => {
	it("is a space where the texts are joined for the template, and what a template that reads lists puts there", () => {
		expect(probe(ONE_LINE).partSeparator("user", false)).toBe(" ");
		expect(probe(LISTS).partSeparator("user", false)).toBe("");
		expect(probe("{{ raise_exception('no') }}").partSeparator("user", false)).toBe(" ");
	});

	it("is asked of a message with calls and of one without: some templates read only one of them as a list", () => {
		const source =
			"{% for m in messages %}{% if m.tool_calls %}{{ m.content }}{% elif m.content is string %}{{ m.content }}{% else %}{% for p in m.content %}{{ p.text }}{% endfor %}{% endif %}{% endfor %}";
		expect(probe(source).partSeparator("assistant", false)).toBe("");
		expect(probe(source).partSeparator("assistant", true)).toBe(" ");
	});

	it("is found where a template refuses a system message that no user's follows", () => {
		const source = `{% if messages[-1].role != 'user' %}{{ raise_exception('no user') }}{% endif %}${LISTS}`;
		expect(probe(source).partSeparator("system", false)).toBe("");
	});
});

describe("A field is shown", () => {
	for (const [what, source, role, field, shown] of [
		["a name the template writes", NAMES, "user", "name", true],
		["a name it ignores", ONE_LINE, "user", "name", false],
		["a field it has never heard of", NAMES, "user", "annotations", false],
		["a call's id it writes", CALL_IDS, "assistant", "tool_calls[].id", true],
		["a call's field it ignores", CALL_IDS, "assistant", "tool_calls[].index", false],
		["any field of calls that are written whole", WHOLE_CALLS, "assistant", "tool_calls[].index", true],
		["a field of the last message", LAST_ONLY, "user", "hint", true],
	] as const) {
		it(`or not: ${what}`, () => {
			expect(probe(source).shows(role, field)).toBe(shown);
		});
	}

	it("with nothing rendered twice, whatever names a client makes up", () => {
		let renders = 0;
		const counting = new PromptRenderer(new ChatTemplate(NAMES), new Map());
		const counted = new MessageProbe(
			{
				prompt: (input) => counting.prompt(input),
				comparable(input, generates) {
					renders++;
					return counting.comparable(input, generates);
				},
				suffix: (input) => counting.suffix(input),
				shownRole: (role) => counting.shownRole(role),
			},
			new Map(),
			wordsOf(NAMES),
		);
		for (let name = 0; name < 1000; name++) counted.shows("user", `made_up_${name}`);
		expect(renders).toBeLessThanOrEqual(4);
	});
});

describe("A Tito", () => {
	it("knows both of its checkpoint's template", async () => {
		const tito = await toyTito();
		expect(tito.shows("user", "refusal")).toBe(false);
		expect(tito.shows("assistant", "reasoning_content")).toBe(true);
		expect([" ", ""]).toContain(tito.partSeparator("user", false));
	});

	it("of a family whose prompt is code asks that code", () => {
		const { prompts } = familyNamed("deepseekv4");
		if (prompts.kind !== "encoder") throw new Error("not code");
		const coded = new MessageProbe(prompts.encoder, new Map(), new Set(prompts.encoder.fields));
		expect(coded.shows("assistant", "reasoning_content")).toBe(true);
		expect(coded.shows("user", "name")).toBe(false);
	});
});
