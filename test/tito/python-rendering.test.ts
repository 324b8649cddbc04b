// Template constructs one by one, against what Python's jinja2 printed for them (python-rendering.json says how).
import { expect, test } from "vitest";
import { ChatTemplate } from "../../src/tito/jinja/template.js";
import { fromJson, TemplateError, type Value } from "../../src/tito/jinja/values.js";
import { list, object, readJson, text } from "./shared.js";

const recorded = readJson(import.meta.dirname, "python-rendering.json");
const variables = fromJson(object(recorded.get("variables"))) as Map<string, Value>;
const cases = list(recorded.get("cases")).map(object);

function templates(refused: boolean): string[] {
	return cases.filter((item) => item.has("refused") === refused).map((item) => text(item.get("template")));
}

test.each(templates(false))("%j prints what Python prints", (template) => {
	const expected = cases.find((item) => item.get("template") === template)?.get("text");
	expect(new ChatTemplate(template).render(variables)).toBe(expected);
});

test.each(templates(true))("%j is refused, as Python refuses it", (template) => {
	expect(() => new ChatTemplate(template).render(variables)).toThrow(TemplateError);
});

test("strftime_now prints the given time in the C locale", () => {
	const template = new ChatTemplate(
		"{{ strftime_now('%d %b %Y, %A %B %e %H:%M:%S %y %j %I %p %% %-d') }}",
		() => new Date(2024, 1, 3, 15, 4, 5),
	);
	expect(template.render(new Map())).toBe("03 Feb 2024, Saturday February  3 15:04:05 24 034 03 PM % 3");
});
