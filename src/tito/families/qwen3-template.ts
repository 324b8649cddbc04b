// Qwen3's chat template with reasoning kept in every turn, so that a prompt only ever grows. Text only.

/**
 * Renders as the checkpoint's own template does, with one difference: every assistant message has its think block, not
 * only those after the last user question; an empty one where it has no reasoning, as a model that did not think
 * samples it and as a prompt with `enable_thinking: false` closes it. String.raw: the backslashes are Jinja's.
 */
const CONVERSATION = String.raw`{%- macro turn(role, text) -%}
{{- '<|im_start|>' + role + '\n' + text + '<|im_end|>\n' -}}
{%- endmacro -%}

{%- set leading = messages[0].content + '\n\n' if messages[0].role == 'system' else '' -%}
{%- if tools -%}
	{{- '<|im_start|>system\n' + leading -}}
	{{- '# Tools\n\nYou may call one or more functions to assist with the user query.\n\n' -}}
	{{- 'You are provided with function signatures within <tools></tools> XML tags:\n<tools>' -}}
	{%- for tool in tools -%}
		{{- '\n' + (tool | tojson) -}}
	{%- endfor -%}
	{{- '\n</tools>\n\nFor each function call, return a json object with function name and arguments ' -}}
	{{- 'within <tool_call></tool_call> XML tags:\n<tool_call>\n' -}}
	{{- '{"name": <function-name>, "arguments": <args-json-object>}\n</tool_call><|im_end|>\n' -}}
{%- elif messages[0].role == 'system' -%}
	{{- turn('system', messages[0].content) -}}
{%- endif -%}

{%- for message in messages -%}
	{%- set content = message.content if message.content is string else '' -%}
	{%- if message.role == 'user' or (message.role == 'system' and not loop.first) -%}
		{{- turn(message.role, content) -}}
	{%- elif message.role == 'assistant' -%}
		{%- set reasoning = '' -%}
		{%- if message.reasoning_content is string -%}
			{%- set reasoning = message.reasoning_content -%}
		{%- elif '</think>' in content -%}
			{%- set reasoning = content.split('</think>')[0].rstrip('\n').split('<think>')[-1].lstrip('\n') -%}
			{%- set content = content.split('</think>')[-1].lstrip('\n') -%}
		{%- endif -%}
		{{- '<|im_start|>assistant\n<think>\n' + reasoning.strip('\n') + '\n</think>\n\n' + content.lstrip('\n') -}}
		{%- for tool_call in message.tool_calls or [] -%}
			{{- '\n' if content or not loop.first else '' -}}
			{%- set called = tool_call.function or tool_call -%}
			{{- '<tool_call>\n{"name": "' ~ called.name ~ '", "arguments": ' -}}
			{{- called.arguments if called.arguments is string else called.arguments | tojson -}}
			{{- '}\n</tool_call>' -}}
		{%- endfor -%}
		{{- '<|im_end|>\n' -}}
	{%- elif message.role == 'tool' -%}
		{{- '' if loop.previtem is defined and loop.previtem.role == 'tool' else '<|im_start|>user' -}}
		{{- '\n<tool_response>\n' + content + '\n</tool_response>' -}}
		{{- '' if loop.nextitem is defined and loop.nextitem.role == 'tool' else '<|im_end|>\n' -}}
	{%- endif -%}
{%- endfor -%}`;

/** Models that choose whether to think; with `enable_thinking: false` the prompt closes the block for them. */
export const QWEN3_TEMPLATE = String.raw`${CONVERSATION}
{%- if add_generation_prompt -%}
	{{- '<|im_start|>assistant\n' -}}
	{{- '<think>\n\n</think>\n\n' if enable_thinking is defined and enable_thinking is false else '' -}}
{%- endif -%}`;

/** Models that always think (Qwen3 Thinking-2507, Qwen3-Next Thinking): the prompt opens the block. */
export const QWEN3_THINKING_TEMPLATE = String.raw`${CONVERSATION}
{%- if add_generation_prompt -%}
	{{- '<|im_start|>assistant\n<think>\n' -}}
{%- endif -%}`;
