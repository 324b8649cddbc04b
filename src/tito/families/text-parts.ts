// A Jinja macro that fixed templates share: the text of a message's content. Text only.

/**
 * `text_of(content)`: a string as it is, a list of text parts joined, nothing for null. Other parts are refused: the
 * engine gets token ids, and no id of an image would be among them.
 */
export const TEXT_OF = `{%- macro text_of(content) -%}
	{%- if content is string -%}
		{{- content -}}
	{%- elif content is iterable and content is not mapping -%}
		{%- for part in content -%}
			{%- if part is string -%}
				{{- part -}}
			{%- elif part.text is string -%}
				{{- part.text -}}
			{%- else -%}
				{{- raise_exception('a message has a part that is not text; send text parts only') -}}
			{%- endif -%}
		{%- endfor -%}
	{%- elif content is defined and content is not none -%}
		{{- raise_exception('the content of a message is neither text nor a list of text parts') -}}
	{%- endif -%}
{%- endmacro -%}
`;
