// Kimi K2.5's chat template with reasoning kept in every turn, so that a prompt only ever grows. Text only.
import { TEXT_OF } from "./text-parts.js";

/**
 * Written after the published template of Kimi K2 Thinking, with what is publicly known of K2.5: its prompt opens the
 * think block (`thinking: false` closes it at once), and tools are written as `tools_ts_str` where the request's template
 * kwargs give that, else as JSON without spaces. K2.5's own template file was not compared. Its tokenizer makes
 * `tools_ts_str` in Python from the tools; nothing here does. Differences from K2 Thinking beside these: reasoning is
 * shown in every turn, not only after the last answer; images are refused. String.raw: the backslashes are Jinja's.
 */
export const KIMI25_TEMPLATE = String.raw`${TEXT_OF}
{%- if tools -%}
	{{- '<|im_system|>tool_declare<|im_middle|>' -}}
	{{- tools_ts_str if tools_ts_str else tools | tojson(separators=(',', ':')) -}}
	{{- '<|im_end|>' -}}
{%- endif -%}

{%- set silent = thinking is defined and thinking is false -%}
{%- for message in messages -%}
	{%- set speaker = message.role if message.role in ['user', 'assistant'] else 'system' -%}
	{{- '<|im_' + speaker + '|>' + (message.name or message.role) + '<|im_middle|>' -}}
	{%- if message.role == 'assistant' -%}
		{%- set reasoning = message.reasoning_content if message.reasoning_content is string and not silent else '' -%}
		{{- '<think>' + reasoning + '</think>' -}}
	{%- elif message.role == 'tool' -%}
		{{- '## Return of ' ~ message.tool_call_id ~ '\n' -}}
	{%- endif -%}
	{{- text_of(message.content) -}}
	{%- if message.role == 'assistant' and message.tool_calls -%}
		{{- '<|tool_calls_section_begin|>' -}}
		{%- for tool_call in message.tool_calls -%}
			{%- set arguments = tool_call.function.arguments -%}
			{{- '<|tool_call_begin|>' ~ tool_call.id ~ '<|tool_call_argument_begin|>' -}}
			{{- arguments if arguments is string else arguments | tojson -}}
			{{- '<|tool_call_end|>' -}}
		{%- endfor -%}
		{{- '<|tool_calls_section_end|>' -}}
	{%- endif -%}
	{{- '<|im_end|>' -}}
{%- endfor -%}

{%- if add_generation_prompt -%}
	{{- '<|im_assistant|>assistant<|im_middle|><think>' -}}
	{{- '</think>' if silent else '' -}}
{%- endif -%}`;
