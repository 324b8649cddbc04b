// The chat templates of Qwen3.5, 3.6 and 3.8 with reasoning kept in every turn, so that a prompt only ever grows. Text only.
import { TEXT_OF } from "./text-parts.js";

/** In what the releases differ; every text is Jinja. */
interface Release {
	/** What the system message begins with, as the variable `effort`; '' for nothing. */
	effort: string;
	/** When there is a system message without tools. */
	hasSystem: string;
	/** How one tool argument is written. */
	argument: string;
	/** Takes reasoning out of a content that has it. */
	reasoningInContent: string;
}

/**
 * Renders as the checkpoint's own template does, with these differences: every assistant message has its think block,
 * not only those after the last user question (an empty one where it has no reasoning: the prompt it was sampled from
 * opened one); a conversation without a user message is rendered, not refused; images are refused, not counted.
 * String.raw: the backslashes are Jinja's.
 */
const qwenTemplate = (release: Release): string => String.raw`${TEXT_OF}${release.effort}
{%- set opens_with_system = messages[0].role == 'system' -%}
{%- set instructions = text_of(messages[0].content) | trim if opens_with_system else '' -%}
{%- if tools -%}
	{{- '<|im_start|>system\n' + (effort + '\n\n' if effort else '') -}}
	{{- '# Tools\n\nYou have access to the following functions:\n\n<tools>' -}}
	{%- for tool in tools -%}
		{{- '\n' + (tool | tojson) -}}
	{%- endfor -%}
	{{- '\n</tools>\n\nIf you choose to call a function ONLY reply in the following format with NO suffix:\n\n' -}}
	{{- '<tool_call>\n<function=example_function_name>\n<parameter=example_parameter_1>\nvalue_1\n</parameter>\n' -}}
	{{- '<parameter=example_parameter_2>\nThis is the value for the second parameter\nthat can span\n' -}}
	{{- 'multiple lines\n</parameter>\n</function>\n</tool_call>\n\n<IMPORTANT>\nReminder:\n' -}}
	{{- '- Function calls MUST follow the specified format: an inner <function=...></function> block must be ' -}}
	{{- 'nested within <tool_call></tool_call> XML tags\n- Required parameters MUST be specified\n' -}}
	{{- '- You may provide optional reasoning for your function call in natural language BEFORE the function ' -}}
	{{- 'call, but NOT after\n- If there is no function call available, answer the question like normal with ' -}}
	{{- 'your current knowledge and do not tell the user about function calls\n</IMPORTANT>' -}}
	{{- ('\n\n' + instructions if instructions else '') + '<|im_end|>\n' -}}
{%- elif ${release.hasSystem} -%}
	{{- '<|im_start|>system\n' + effort + ('\n\n' if effort and instructions else '') + instructions + '<|im_end|>\n' -}}
{%- endif -%}

{%- for message in messages -%}
	{%- set content = text_of(message.content) | trim -%}
	{%- if message.role == 'user' -%}
		{{- '<|im_start|>user\n' + content + '<|im_end|>\n' -}}
	{%- elif message.role == 'assistant' -%}
		{%- set reasoning = '' -%}
		{%- if message.reasoning_content is string -%}
			{%- set reasoning = message.reasoning_content -%}
		${release.reasoningInContent}
		{%- endif -%}
		{{- '<|im_start|>assistant\n<think>\n' + (reasoning | trim) + '\n</think>\n\n' + content -}}
		{%- for tool_call in message.tool_calls or [] -%}
			{%- set called = tool_call.function or tool_call -%}
			{{- '\n\n' if loop.first and content else '' if loop.first else '\n' -}}
			{{- '<tool_call>\n<function=' + called.name + '>\n' -}}
			{%- for name, value in called.arguments | default({}, true) | items -%}
				{{- '<parameter=' + name + '>\n' -}}
				{{- ${release.argument} -}}
				{{- '\n</parameter>\n' -}}
			{%- endfor -%}
			{{- '</function>\n</tool_call>' -}}
		{%- endfor -%}
		{{- '<|im_end|>\n' -}}
	{%- elif message.role == 'tool' -%}
		{{- '' if loop.previtem is defined and loop.previtem.role == 'tool' else '<|im_start|>user' -}}
		{{- '\n<tool_response>\n' + content + '\n</tool_response>' -}}
		{{- '' if loop.nextitem is defined and loop.nextitem.role == 'tool' else '<|im_end|>\n' -}}
	{%- elif message.role != 'system' -%}
		{{- raise_exception('this model has no role ' ~ message.role) -}}
	{%- elif not loop.first -%}
		{{- raise_exception('this model takes a system message at the beginning only') -}}
	{%- endif -%}
{%- endfor -%}

{%- if add_generation_prompt -%}
	{{- '<|im_start|>assistant\n<think>\n' -}}
	{{- '\n</think>\n\n' if enable_thinking is defined and enable_thinking is false else '' -}}
{%- endif -%}`;

const NO_EFFORT = "{%- set effort = '' -%}";
const SPLIT_CONTENT = String.raw`{%- elif '</think>' in content -%}
			{%- set reasoning = content.split('</think>')[0].split('<think>')[-1] -%}
			{%- set content = content.split('</think>')[-1].lstrip('\n') -%}`;

export const QWEN35_TEMPLATE = qwenTemplate({
	effort: NO_EFFORT,
	hasSystem: "opens_with_system",
	argument: "value | string if value is string or value is not iterable else value | tojson",
	reasoningInContent: SPLIT_CONTENT,
});

/** Numbers, booleans and null among tool arguments are JSON, not Python's words for them. */
export const QWEN36_TEMPLATE = qwenTemplate({
	effort: NO_EFFORT,
	hasSystem: "opens_with_system",
	argument: "value if value is string else value | tojson",
	reasoningInContent: SPLIT_CONTENT,
});

/**
 * Qwen3.8 (27B) and Flash-Next: a model that thinks gets its effort first, also where nobody wrote a system message;
 * an empty system message is none; reasoning is read from its own field only. The effort is the families' pinned `xhigh`;
 * the words are the template's own (Qwen/Qwen3.8-27B, tokenizer_config.json) and may not be changed.
 */
export const QWEN38_TEMPLATE = qwenTemplate({
	effort: `{%- set effort = '' -%}
{%- if enable_thinking is undefined or enable_thinking is true -%}
	{%- set effort = 'Reasoning effort is set to xhigh. Please think carefully through the task, validate key assumptions, consider plausible alternatives, and prioritize correctness, consistency, and clarity in the final answer.' -%}
{%- endif -%}`,
	hasSystem: "effort or instructions",
	argument: "value if value is string else value | tojson",
	reasoningInContent: "",
});
