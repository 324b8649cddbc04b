// Tools as a template sees them, by the engine's schema version: key order, defaults, what is dropped.
import { expect, test } from "vitest";
import { ChatTemplate } from "../../src/tito/jinja/template.js";
import { PromptRenderer } from "../../src/tito/renderer.js";
import { json, list } from "./shared.js";

const TEMPLATE = new ChatTemplate("{% for tool in tools %}{{ tool | tojson }}\n{% endfor %}");

function toolsText(version: 1 | 2, tools: string): string {
	const renderer = new PromptRenderer(TEMPLATE, new Map(), version);
	return renderer.prompt({ messages: [], tools: list(json(tools)), kwargs: new Map() }, false).trim();
}

const BARE = '[{"name":"f","parameters":{"b":1.0,"a":{}},"unknown":1}]';

test.each([
	[
		1,
		BARE,
		'{"type": "function", "function": {"description": null, "name": "f", "parameters": {"b": 1.0, "a": {}}, "strict": false}}',
	],
	[
		2,
		BARE,
		'{"type": "function", "function": {"description": null, "name": "f", "parameters": {"b": 1.0, "a": {}}, "strict": false}, "defer_loading": null}',
	],
	[
		2,
		'[{"defer_loading":true,"type":"function","function":{"strict":true,"name":"f","description":"d"}}]',
		'{"type": "function", "function": {"description": "d", "name": "f", "parameters": null, "strict": true, "defer_loading": true}, "defer_loading": true}',
	],
	[
		2,
		'[{"defer_loading":true,"function":{"name":"f","defer_loading":false}}]',
		'{"type": "function", "function": {"description": null, "name": "f", "parameters": null, "strict": false, "defer_loading": false}, "defer_loading": true}',
	],
	[
		1,
		'[{"defer_loading":true,"function":{"name":"f","defer_loading":false}}]',
		'{"type": "function", "function": {"description": null, "name": "f", "parameters": null, "strict": false}}',
	],
] as const)("version %i renders %s as the engine does", (version, tools, expected) => {
	expect(toolsText(version, tools)).toBe(expected);
});

test("a defer_loading that is no boolean is refused by version 2, which reads it", () => {
	const tools = '[{"defer_loading":"yes","function":{"name":"f"}}]';
	expect(() => toolsText(2, tools)).toThrow(/tools\[0\] has a defer_loading that is neither true nor false/);
	expect(toolsText(1, tools)).toContain('"name": "f"');
});
