// Template constructs one by one, against what Python's jinja2 printed for them (python-rendering.py makes the comparison again).
import { expect, test } from "vitest";
import { ChatTemplate } from "../../src/jinja/template.js";
import { fromJson, TemplateError, type Value } from "../../src/jinja/values.js";
import { list, object, readJson, text } from "../tito/shared.js";

const recorded = readJson(import.meta.dirname, "python-rendering.json");
const variables = fromJson(object(recorded.get("variables"))) as Map<string, Value>;
const cases = list(recorded.get("cases")).map(object);

function templates(refused: boolean): string[] {
	return cases.filter((item) => item.has("refused") === refused).map((item) => text(item.get("template")));
}

function inSteps(template: ChatTemplate): string {
	const steps = template.renderSteps(variables);
	for (;;) {
		const { done, value } = steps.next();
		if (done === true) return value;
	}
}

test.each(templates(false))("%j prints what Python prints", (template) => {
	const expected = cases.find((item) => item.get("template") === template)?.get("text");
	const compiled = new ChatTemplate(template);
	expect(compiled.render(variables)).toBe(expected);
	expect(inSteps(compiled)).toBe(expected);
});

test.each(templates(true))("%j is refused, as Python refuses it", (template) => {
	expect(() => new ChatTemplate(template).render(variables)).toThrow(TemplateError);
	expect(() => inSteps(new ChatTemplate(template))).toThrow(TemplateError);
});

test("a loop rests after each of its steps, also inside conditions, and prints what it prints without", () => {
	const template = new ChatTemplate(
		"{% if 1 %}{% for a in [1, 2, 3] %}{% if a == 3 %}{% break %}{% endif %}{{ a }}{% endfor %}{% endif %}!",
	);
	const steps = template.renderSteps(new Map());
	expect([steps.next(), steps.next(), steps.next()]).toEqual([
		{ done: false, value: undefined },
		{ done: false, value: undefined },
		{ done: true, value: "12!" },
	]);
});

test.each([
	"{{ 3 > 2 > 1 }}",
	"{{ 'a' in x == true }}",
	"{% if 1 < a < 3 and b %}{% endif %}",
	"{{ f(1 == 2 == 3) }}",
])(
	"the chained comparison %j is refused, since it would be computed differently than in Python",
	(template) => {
		expect(() => new ChatTemplate(template)).toThrow(/chained comparison/);
	},
);

test.each([
	["{% for a in [1, 2] if a == 2 and (a > 1) == true %}{{ a }}{% endfor %}", "2"],
	["{{ 1 == 1 and 2 == 2 or 'a' in 'b' }}{{ {'a': 1 == 1, 'b': 2 < 1} }}", "True{'a': True, 'b': False}"],
	["{{ 1 is in [1 == 1] }}{{ 'x' if 1 == 2 else 3 == 3 }}", "TrueTrue"],
	["{% set a = 1 == 1 %}{% if not a == true %}n{% elif a == 1 %}y{% endif %}", "y"],
])("comparisons that are no chain are computed: %j", (template, expected) => {
	expect(new ChatTemplate(template).render(new Map())).toBe(expected);
});

test("strftime_now prints the given time in the C locale", () => {
	const template = new ChatTemplate(
		"{{ strftime_now('%d %b %Y, %A %B %e %H:%M:%S %y %j %I %p %% %-d') }}",
		() => new Date(2024, 1, 3, 15, 4, 5),
	);
	expect(template.render(new Map())).toBe("03 Feb 2024, Saturday February  3 15:04:05 24 034 03 PM % 3");
});
