// A chat template, parsed once and rendered as transformers renders it. Knows nothing of messages or tokens.
import type { Node } from "./ast.js";
import { globals } from "./globals.js";
import { parseTemplate } from "./parse.js";
import { Scope } from "./scope.js";
import { renderText } from "./statements.js";
import { TemplateError, type Value } from "./values.js";

export class ChatTemplate {
	readonly #body: readonly Node[];
	readonly #globals: Scope;

	/** @throws SyntaxError for text that is no template, or uses what the parser does not know */
	constructor(source: string, now: () => Date = () => new Date()) {
		this.#body = parseTemplate(source);
		this.#globals = new Scope();
		for (const [name, value] of globals(now)) this.#globals.set(name, value);
	}

	/** @throws TemplateError */
	render(variables: ReadonlyMap<string, Value>): string {
		const scope = new Scope(this.#globals);
		for (const [name, value] of variables) scope.set(name, value);
		try {
			return renderText(this.#body, scope);
		} catch (error) {
			if (error instanceof RangeError) throw new TemplateError("the template nests too deeply");
			throw error;
		}
	}
}
