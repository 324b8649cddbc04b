// Inkling's chat template. UNVERIFIED: written from public descriptions of the format, never compared with the model's. Text only.

/**
 * What independent public renderers of this model agree on: a message is its role token, the name of a tool where one
 * speaks or is called, a token that says what follows, the text, `<|end_message|>`; an assistant's reasoning, answer and
 * calls are messages of their own, and `<|content_model_end_sampling|>` ends its turn. They differ on empty texts (here: an
 * assistant's empty answer is left out beside reasoning or calls) and on how an effort of zero is spelled (here: 0.0).
 */
export const INKLING_TEMPLATE = `{%- macro text(role, name, content) -%}
	{{- '<|message_' + role + '|>' + name + '<|content_text|>' + content + '<|end_message|>' -}}
{%- endmacro -%}

{%- macro texts(role, name, content) -%}
	{%- if content is string -%}
		{{- text(role, name, content) -}}
	{%- elif content is iterable and content is not mapping -%}
		{%- for part in content -%}
			{%- if part is not string and part.text is not string -%}
				{{- raise_exception('a message has a part that is not text; send text parts only') -}}
			{%- endif -%}
			{{- text(role, name, part if part is string else part.text) -}}
		{%- endfor -%}
	{%- endif -%}
{%- endmacro -%}

{%- macro thinking_effort() -%}
	{%- set levels = {'none': 0.0, 'minimal': 0.1, 'low': 0.2, 'medium': 0.7, 'high': 0.9, 'xhigh': 0.99, 'max': 0.99} -%}
	{%- set asked = reasoning_effort if reasoning_effort is number or reasoning_effort else 'high' -%}
	{%- set effort = levels[asked] if asked in levels else asked -%}
	{%- if effort is not number or effort < 0 or effort > 0.99 -%}
		{{- raise_exception('reasoning_effort must be the name of a level or a number from 0 to 0.99') -}}
	{%- endif -%}
	{{- text('system', '', 'Thinking effort level: ' ~ effort) -}}
{%- endmacro -%}

{%- if tools -%}
	{%- set declared = namespace(specs=[]) -%}
	{%- for tool in tools -%}
		{%- set described = tool.function or tool -%}
		{%- set spec = {
			'description': described.description or '',
			'name': described.name,
			'parameters': described.parameters or {},
			'type': 'function',
		} -%}
		{%- set declared.specs = declared.specs + [spec] -%}
	{%- endfor -%}
	{{- '<|message_system|>tool_declare<|content_xml|>' -}}
	{{- declared.specs | tojson(sort_keys=true, separators=(',', ':')) -}}
	{{- '<|end_message|>' -}}
{%- endif -%}

{%- set said = namespace(effort=false, calls=[]) -%}
{%- for message in messages -%}
	{%- if message.role != 'system' and not said.effort -%}
		{%- set said.effort = true -%}
		{{- thinking_effort() -}}
	{%- endif -%}
	{%- if message.role == 'system' or message.role == 'user' -%}
		{{- texts(message.role, '', message.content) -}}
	{%- elif message.role == 'assistant' -%}
		{%- set said.calls = message.tool_calls or [] -%}
		{%- if message.reasoning_content -%}
			{{- '<|message_model|><|content_thinking|>' + message.reasoning_content + '<|end_message|>' -}}
		{%- endif -%}
		{%- if message.content or not (message.reasoning_content or message.tool_calls) -%}
			{{- texts('model', '', message.content) -}}
		{%- endif -%}
		{%- for tool_call in message.tool_calls or [] -%}
			{%- set called = tool_call.function or tool_call -%}
			{{- '<|message_model|>' + called.name + '<|content_invoke_tool_json|>{"name":' + (called.name | tojson) -}}
			{{- ',"args":' + (called.arguments | default({}, true) | tojson(sort_keys=true, separators=(',', ':'))) -}}
			{{- '}<|end_message|>' -}}
		{%- endfor -%}
		{{- '<|content_model_end_sampling|>' -}}
	{%- elif message.role == 'tool' -%}
		{#- Only the last assistant's calls: a suffix is rendered without those before it. -#}
		{%- set tool = namespace(name=message.name or '') -%}
		{%- for tool_call in said.calls if not message.name and tool_call.id == message.tool_call_id -%}
			{%- set tool.name = tool_call.function.name -%}
		{%- endfor -%}
		{{- texts('tool', tool.name, message.content) -}}
	{%- else -%}
		{{- raise_exception('this model has no role ' ~ message.role) -}}
	{%- endif -%}
{%- endfor -%}
{%- if not said.effort -%}
	{{- thinking_effort() -}}
{%- endif -%}

{%- if add_generation_prompt -%}
	{{- '<|message_model|>' -}}
{%- endif -%}`;
