// What single fixed templates write, where no file of the model's is there to compare with: words, refusals, corners.
import { describe, expect, it } from "vitest";
import { RollpinError } from "../../src/base/errors.js";
import { ChatTemplate } from "../../src/jinja/template.js";
import type { JsonObject, JsonValue } from "../../src/json/value.js";
import { familyNamed } from "../../src/tito/families/registry.js";
import { PromptRenderer } from "../../src/tito/renderer.js";
import { json, list, object } from "./shared.js";

const QWEN38 = ["qwen38small", "qwen4exp"];
const FIXED = [
	"qwen3",
	"qwen35",
	"qwen36",
	...QWEN38,
	"qwennext",
	"kimi25",
	"minimax_m25",
	"minimax_m27",
	"inkling",
];
const TOOLS = list(
	json(
		'[{"type":"function","function":{"name":"look","description":"Looks","parameters":{"type":"object","properties":{"b":{"type":"string"},"a":{"type":"integer"}}}}}]',
	),
);

function rendererOf(titoModel: string): PromptRenderer {
	const { prompts } = familyNamed(titoModel);
	if (prompts.kind !== "template") throw new Error(`${titoModel} has no template of its own`);
	return new PromptRenderer(new ChatTemplate(prompts.template), new Map());
}

interface Rendering {
	tools?: JsonValue[];
	kwargs?: object;
	generates?: boolean;
}

function rendered(
	titoModel: string,
	messages: object[],
	{ tools, kwargs = {}, generates }: Rendering = {},
): string {
	const input = { messages: messages.map(objectOf), tools, kwargs: objectOf(kwargs) };
	return rendererOf(titoModel).prompt(input, generates ?? false);
}

function objectOf(value: object): JsonObject {
	return object(json(JSON.stringify(value)));
}

const CALL = {
	role: "assistant",
	content: null,
	tool_calls: [{ id: "c1", type: "function", function: { name: "look", arguments: '{"b": "x", "a": 1}' } }],
};

describe("every fixed template", () => {
	it.each(FIXED)("%s takes a conversation without a user message", (titoModel) => {
		const text = rendered(titoModel, [
			{ role: "system", content: "Hello" },
			{ ...CALL, reasoning_content: "why" },
		]);
		expect(text).toContain("Hello");
		expect(text).toContain("why");
	});

	it.each(FIXED)("%s takes a tool result after an answer without calls", (titoModel) => {
		const suffix = rendererOf(titoModel).suffix({
			lastAssistant: objectOf({ role: "assistant", content: "ok" }),
			appended: [objectOf({ role: "tool", tool_call_id: "c1", content: "found it" })],
			tools: TOOLS,
			kwargs: new Map(),
		});
		expect(suffix).toContain("found it");
	});

	it.each(FIXED)("%s writes an answer in the same words whether or not something follows", (titoModel) => {
		const answers = [
			{ role: "assistant", content: "plain" },
			{ role: "assistant", content: "thought", reasoning_content: "hm" },
			CALL,
		];
		for (const answer of answers) {
			const alone = rendered(titoModel, [{ role: "user", content: "q" }, answer]);
			const followed = rendered(titoModel, [
				{ role: "user", content: "q" },
				answer,
				{ role: "user", content: "r" },
			]);
			expect(followed.startsWith(alone)).toBe(true);
		}
	});

	it.each(FIXED.filter((name) => !["qwen3", "qwennext"].includes(name)))(
		"%s refuses an image",
		(titoModel) => {
			const image = { type: "image_url", image_url: { url: "data:," } };
			const messages = [{ role: "user", content: [{ type: "text", text: "see" }, image] }];
			expect(() => rendered(titoModel, messages)).toThrow(RollpinError);
		},
	);

	it.each(["qwen35", "qwen36", ...QWEN38, "minimax_m25", "minimax_m27"])(
		"%s refuses a system message that is not the first",
		(titoModel) => {
			const messages = [
				{ role: "user", content: "q" },
				{ role: "system", content: "late" },
			];
			expect(() => rendered(titoModel, messages)).toThrow(/at the beginning only/);
		},
	);
});

describe("qwen 3.5, 3.6 and 3.8", () => {
	const call = (value: unknown) => ({
		role: "assistant",
		content: "",
		tool_calls: [
			{ id: "c", type: "function", function: { name: "f", arguments: JSON.stringify({ a: value }) } },
		],
	});
	it.each([
		["qwen35", true, "True"],
		["qwen36", true, "true"],
		["qwen38small", true, "true"],
		["qwen35", null, "None"],
		["qwen36", null, "null"],
		["qwen4exp", null, "null"],
		["qwen35", ["x"], '["x"]'],
		["qwen36", ["x"], '["x"]'],
		["qwen36", "x", "x"],
	])("%s writes the argument %j as %s", (titoModel, value, written) => {
		expect(rendered(titoModel, [{ role: "user", content: "q" }, call(value)])).toContain(
			`<parameter=a>\n${written}\n</parameter>`,
		);
	});

	const EFFORT =
		"Reasoning effort is set to xhigh. Please think carefully through the task, validate key assumptions, consider plausible alternatives, and prioritize correctness, consistency, and clarity in the final answer.";
	const question = { role: "user", content: "q" };
	const asked = "<|im_start|>user\nq<|im_end|>\n<|im_start|>assistant\n<think>\n";

	it.each([
		["no system message", [question], `<|im_start|>system\n${EFFORT}<|im_end|>\n${asked}`],
		[
			"an empty one",
			[{ role: "system", content: "" }, question],
			`<|im_start|>system\n${EFFORT}<|im_end|>\n${asked}`,
		],
		[
			"a system message",
			[{ role: "system", content: "Be brief." }, question],
			`<|im_start|>system\n${EFFORT}\n\nBe brief.<|im_end|>\n${asked}`,
		],
	])("3.8 says its effort before %s", (_, messages, wanted) => {
		for (const titoModel of QWEN38) expect(rendered(titoModel, messages, { generates: true })).toBe(wanted);
	});

	it("3.8 says its effort before the tools, and none where thinking is off", () => {
		const text = rendered("qwen38small", [question], { tools: TOOLS });
		expect(text.startsWith(`<|im_start|>system\n${EFFORT}\n\n# Tools\n\nYou have access`)).toBe(true);
		const silent = rendered("qwen38small", [question], {
			kwargs: { enable_thinking: false },
			generates: true,
		});
		expect(silent).toBe(asked.replace("<think>\n", "<think>\n\n</think>\n\n"));
	});

	it("3.8 reads reasoning from its own field only", () => {
		const inContent = { role: "assistant", content: "<think>\nhm\n</think>\n\nfine" };
		expect(rendered("qwen38small", [question, inContent])).toContain(
			"<|im_start|>assistant\n<think>\n\n</think>\n\n<think>\nhm\n</think>\n\nfine<|im_end|>",
		);
		expect(rendered("qwen36", [question, inContent])).toContain(
			"<|im_start|>assistant\n<think>\nhm\n</think>\n\nfine<|im_end|>",
		);
	});
});

describe("minimax", () => {
	it.each(["minimax_m25", "minimax_m27"])(
		"%s: reasoning that the engine's parser leaves in the content is kept like reasoning of its own",
		(titoModel) => {
			const question = { role: "user", content: "q" };
			const inContent = { role: "assistant", content: "<think>\nhm\n</think>\n\nfine" };
			const apart = { role: "assistant", content: "fine", reasoning_content: "hm" };
			const text = rendered(titoModel, [question, inContent, question]);
			expect(text).toBe(rendered(titoModel, [question, apart, question]));
			expect(text).toContain("]~b]ai\n<think>\nhm\n</think>\n\nfine[e~[\n");
		},
	);

	it("names the model where there is no system message, and says what the caller says of it", () => {
		const question = [{ role: "user", content: "q" }];
		const intro = (name: string) =>
			`]~!b[]~b]system\nYou are a helpful assistant. Your name is ${name} and is built by MiniMax.[e~[\n]~b]user\nq[e~[\n`;
		expect(rendered("minimax_m25", question)).toBe(intro("MiniMax-M2.5"));
		expect(rendered("minimax_m27", question)).toBe(intro("MiniMax-M2.7"));
		const other = rendered("minimax_m27", question, { kwargs: { model_identity: "You are Bo." } });
		expect(other).toBe("]~!b[]~b]system\nYou are Bo.[e~[\n]~b]user\nq[e~[\n");
	});
});

describe("kimi25", () => {
	it("writes tools as the request's own text when it gives one", () => {
		const question = [{ role: "user", content: "q" }];
		const text = rendered("kimi25", question, {
			tools: TOOLS,
			kwargs: { tools_ts_str: "namespace functions {}" },
		});
		expect(text).toContain("<|im_system|>tool_declare<|im_middle|>namespace functions {}<|im_end|>");
	});

	it("closes the think block at once where thinking is off", () => {
		const text = rendered("kimi25", [{ role: "user", content: "q" }], {
			kwargs: { thinking: false },
			generates: true,
		});
		expect(text.endsWith("<|im_assistant|>assistant<|im_middle|><think></think>")).toBe(true);
	});
});

describe("inkling", () => {
	const EFFORT = "<|message_system|><|content_text|>Thinking effort level: 0.9<|end_message|>";

	it("writes tools first, then system messages, then the effort, then the rest", () => {
		const messages = [
			{ role: "system", content: "Be brief." },
			{ role: "user", content: "Where?" },
			{ ...CALL, reasoning_content: "look" },
			{ role: "tool", tool_call_id: "c1", content: "here" },
			{ role: "assistant", content: "Here." },
		];
		expect(rendered("inkling", messages, { tools: TOOLS, generates: true })).toBe(
			'<|message_system|>tool_declare<|content_xml|>[{"description":"Looks","name":"look","parameters":' +
				'{"properties":{"a":{"type":"integer"},"b":{"type":"string"}},"type":"object"},"type":"function"}]<|end_message|>' +
				`<|message_system|><|content_text|>Be brief.<|end_message|>${EFFORT}` +
				"<|message_user|><|content_text|>Where?<|end_message|>" +
				"<|message_model|><|content_thinking|>look<|end_message|>" +
				'<|message_model|>look<|content_invoke_tool_json|>{"name":"look","args":{"a":1,"b":"x"}}<|end_message|>' +
				"<|content_model_end_sampling|><|message_tool|>look<|content_text|>here<|end_message|>" +
				"<|message_model|><|content_text|>Here.<|end_message|><|content_model_end_sampling|><|message_model|>",
		);
	});

	it("names a late result's tool no better in a whole conversation than in a suffix, which knows the last calls only", () => {
		const answer = { role: "assistant", content: "ok" };
		const late = { role: "tool", tool_call_id: "c1", content: "late" };
		const suffix = rendererOf("inkling").suffix({
			lastAssistant: objectOf(answer),
			appended: [objectOf(late)],
			tools: undefined,
			kwargs: new Map(),
		});
		expect(suffix).toBe("<|message_tool|><|content_text|>late<|end_message|><|message_model|>");
		const whole = rendered("inkling", [{ role: "user", content: "q" }, CALL, answer, late], {
			generates: true,
		});
		expect(whole.endsWith(`<|content_model_end_sampling|>${suffix}`)).toBe(true);
	});

	it.each([
		[{ reasoning_effort: "low" }, "0.2"],
		[{ reasoning_effort: "none" }, "0.0"],
		[{ reasoning_effort: 0.55 }, "0.55"],
		[{ reasoning_effort: 0 }, "0"],
		[{ reasoning_effort: null }, "0.9"],
	])("with %j thinks at level %s", (kwargs, level) => {
		const text = rendered("inkling", [{ role: "user", content: "q" }], { kwargs });
		expect(text).toContain(`Thinking effort level: ${level}<|end_message|>`);
	});

	it.each([1, -0.5, "much", true])("refuses reasoning_effort %j", (reasoning_effort) => {
		const messages = [{ role: "user", content: "q" }];
		expect(() => rendered("inkling", messages, { kwargs: { reasoning_effort } })).toThrow(/reasoning_effort/);
	});
});
