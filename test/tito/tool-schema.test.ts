// Tools as a template sees them, against what SGLang's own classes printed: key order, defaults, what is dropped.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ChatTemplate } from "../../src/jinja/template.js";
import { PromptRenderer } from "../../src/tito/renderer.js";
import type { ToolSchemaVersion } from "../../src/tito/tools.js";
import { json, list } from "./shared.js";

const TEMPLATE = new ChatTemplate("{% for tool in tools %}{{ tool | tojson }}\n{% endfor %}");
const GOLDEN = join(import.meta.dirname, "golden");

function toolsText(version: ToolSchemaVersion, tools: string): string {
	const renderer = new PromptRenderer(TEMPLATE, new Map(), version);
	return renderer.prompt({ messages: [], tools: list(json(tools)), kwargs: new Map() }, false).trim();
}

function golden<T>(name: string): T {
	return JSON.parse(readFileSync(join(GOLDEN, name), "utf8")) as T;
}

/** Null where the tool is refused. */
function shown(version: ToolSchemaVersion, tool: string): string | null {
	try {
		return toolsText(version, `[${tool}]`);
	} catch {
		return null;
	}
}

const RELEASES = [
	["0.5.13", 2],
	["0.5.16", 2],
	["0.5.22", 2],
	["0.5.23", 3],
] as const;

test.each(RELEASES)(
	"SGLang %s's own classes print every tool as version %i does, and refuse the same ones",
	(release, version) => {
		const tools = golden<string[]>("tool-schema-inputs.json");
		const { rendered } = golden<{ rendered: Array<string | null> }>(`tool-schema-${release}.json`);
		expect(tools).toHaveLength(58);
		expect(tools.map((tool) => shown(version, tool))).toEqual(rendered);
	},
);

test("version 1 has no defer_loading", () => {
	const tools = '[{"defer_loading":true,"function":{"name":"f","defer_loading":false}}]';
	expect(toolsText(1, tools)).toBe(
		'{"type": "function", "function": {"description": null, "name": "f", "parameters": null, "strict": false}}',
	);
});

const BARE = '[{"name":"f","parameters":{"b":1.0,"a":{}},"unknown":1}]';

test.each([
	[
		1,
		'{"type": "function", "function": {"description": null, "name": "f", "parameters": {"b": 1.0, "a": {}}, "strict": false}}',
	],
	[
		2,
		'{"type": "function", "function": {"description": null, "name": "f", "parameters": {"b": 1.0, "a": {}}, "strict": false}, "defer_loading": null}',
	],
	[
		3,
		'{"type": "function", "function": {"name": "f", "parameters": {"b": 1.0, "a": {}}, "description": null}, "defer_loading": null}',
	],
] as const)("a function without its wrapper is wrapped (version %i)", (version, expected) => {
	expect(toolsText(version, BARE)).toBe(expected);
});

test("a defer_loading that is no boolean is refused by the versions that read it", () => {
	const tools = '[{"defer_loading":"yes","function":{"name":"f"}}]';
	expect(() => toolsText(2, tools)).toThrow(/tools\[0\] has a defer_loading that is neither true nor false/);
	expect(() => toolsText(3, tools)).toThrow(/tools\[0\] has a defer_loading that is neither true nor false/);
	expect(toolsText(1, tools)).toContain('"name": "f"');
});

test("a strict that is neither true nor false is refused by name", () => {
	const tools = '[{"function":{"name":"f","strict":"yes"}}]';
	expect(() => toolsText(3, tools)).toThrow(/tools\[0\] has a strict that is neither true nor false/);
	expect(() => toolsText(2, '[{"function":{"name":"f","strict":null}}]')).toThrow(/strict null/);
});

// Read by SGLang 0.5.23 with orjson; POST /tokenize printed these.
test.each([
	["9223372036854775808", "9223372036854775808"],
	["18446744073709551615", "18446744073709551615"],
	["18446744073709551616", "1.8446744073709552e+19"],
	["-9223372036854775808", "-9223372036854775808"],
	["-9223372036854775809", "-9.223372036854776e+18"],
	["100000000000000000000", "1e+20"],
])("an integer beyond 64 bits is a float in the parameters: %s", (sent, printed) => {
	const tools = `[{"function":{"name":"f","parameters":{"a":[{"maximum":${sent}}]}}}]`;
	for (const version of [1, 2, 3] as const)
		expect(toolsText(version, tools)).toContain(`"parameters": {"a": [{"maximum": ${printed}}]}`);
});

test.each([["1e400"], [`1${"0".repeat(400)}`]])("a number that no double holds is refused", (sent) => {
	const tools = `[{"function":{"name":"f","parameters":{"maximum":${sent}}}}]`;
	expect(() => toolsText(3, tools)).toThrow(
		/tools\[0\] in its parameters holds .*, more than a double can hold/,
	);
});
