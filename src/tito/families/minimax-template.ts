// The chat template of MiniMax M2.5 and M2.7 with reasoning kept in every turn, so that a prompt only ever grows. Text only.
import { TEXT_OF } from "./text-parts.js";

/**
 * Written after the published template of MiniMax M2, whose form the two later models keep with a default system text
 * of their own (as their model cards give it); their own template files were not compared. Renders as M2's does, with
 * these differences: an assistant message that has reasoning shows it wherever it stands, not only after the last user
 * question; a tool result needs no tool call before it; a system message that is not the first is refused, where M2's
 * leaves it out in silence. String.raw: the backslashes are Jinja's.
 */
const minimaxTemplate = (identity: string): string => String.raw`${TEXT_OF}
{%- set opens_with_system = messages[0].role == 'system' -%}
{%- set system = messages[0] if opens_with_system else {} -%}
{{- ']~!b[]~b]system\n' -}}
{{- text_of(system.content) or model_identity | default('${identity}') -}}
{{- '\nCurrent date: ' + system.current_date if system.current_date else '' -}}
{{- '\nCurrent location: ' + system.current_location if system.current_location else '' -}}
{%- if tools -%}
	{{- '\n\n# Tools\nYou may call one or more tools to assist with the user query.\n' -}}
	{{- 'Here are the tools available in JSONSchema format:\n\n<tools>\n' -}}
	{%- for tool in tools -%}
		{{- '<tool>' + (tool.function | default(tool) | tojson) + '</tool>\n' -}}
	{%- endfor -%}
	{{- '</tools>\n\nWhen making tool calls, use XML format to invoke tools and pass parameters:\n\n' -}}
	{{- '<minimax:tool_call>\n<invoke name="tool-name-1">\n<parameter name="param-key-1">param-value-1</parameter>\n' -}}
	{{- '<parameter name="param-key-2">param-value-2</parameter>\n...\n</invoke>\n</minimax:tool_call>' -}}
{%- endif -%}
{{- '[e~[\n' -}}

{%- for message in messages -%}
	{%- set content = text_of(message.content) -%}
	{%- if message.role == 'user' -%}
		{{- ']~b]user\n' + content + '[e~[\n' -}}
	{%- elif message.role == 'assistant' -%}
		{%- set reasoning = '' -%}
		{%- if message.reasoning_content is string -%}
			{%- set reasoning = message.reasoning_content -%}
		{%- elif '</think>' in content -%}
			{%- set reasoning = content.split('</think>')[0].split('<think>')[-1].strip('\n') -%}
			{%- set content = content.split('</think>')[-1].strip('\n') -%}
		{%- endif -%}
		{{- ']~b]ai\n' + ('<think>\n' + reasoning + '\n</think>\n\n' if reasoning else '') + content -}}
		{%- if message.tool_calls -%}
			{{- '\n<minimax:tool_call>\n' -}}
			{%- for tool_call in message.tool_calls -%}
				{%- set called = tool_call.function or tool_call -%}
				{{- '<invoke name="' + called.name + '">\n' -}}
				{%- for name, value in called.arguments | default({}, true) | items -%}
					{{- '<parameter name="' + name + '">' + (value if value is string else value | tojson) -}}
					{{- '</parameter>\n' -}}
				{%- endfor -%}
				{{- '</invoke>\n' -}}
			{%- endfor -%}
			{{- '</minimax:tool_call>' -}}
		{%- endif -%}
		{{- '[e~[\n' -}}
	{%- elif message.role == 'tool' -%}
		{{- '' if loop.previtem is defined and loop.previtem.role == 'tool' else ']~b]tool' -}}
		{%- if message.content is string or message.content is none -%}
			{{- '\n<response>' + content + '</response>' -}}
		{%- else -%}
			{%- for part in message.content -%}
				{{- '\n<response>' + text_of([part]) + '\n</response>' -}}
			{%- endfor -%}
		{%- endif -%}
		{{- '' if loop.nextitem is defined and loop.nextitem.role == 'tool' else '[e~[\n' -}}
	{%- elif message.role != 'system' -%}
		{{- raise_exception('this model has no role ' ~ message.role) -}}
	{%- elif not loop.first -%}
		{{- raise_exception('this model takes a system message at the beginning only') -}}
	{%- endif -%}
{%- endfor -%}

{%- if add_generation_prompt -%}
	{{- ']~b]ai\n<think>\n' -}}
{%- endif -%}`;

export const MINIMAX_M25_TEMPLATE = minimaxTemplate(
	"You are a helpful assistant. Your name is MiniMax-M2.5 and is built by MiniMax.",
);

export const MINIMAX_M27_TEMPLATE = minimaxTemplate(
	"You are a helpful assistant. Your name is MiniMax-M2.7 and is built by MiniMax.",
);
