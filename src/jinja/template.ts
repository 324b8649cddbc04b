// A chat template, parsed once and rendered as transformers renders it. Knows nothing of messages or tokens.
import type { Node } from "./ast.js";
import { globals } from "./globals.js";
import { parseTemplate } from "./parse.js";
import { Scope } from "./scope.js";
import { renderSteps, renderText } from "./statements.js";
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
		try {
			return renderText(this.#body, this.#scopeOf(variables));
		} catch (error) {
			throw asTemplateError(error);
		}
	}

	/** The same text, with rests on the way in which others may run. @throws TemplateError */
	*renderSteps(variables: ReadonlyMap<string, Value>): Generator<undefined, string, void> {
		try {
			return yield* renderSteps(this.#body, this.#scopeOf(variables));
		} catch (error) {
			throw asTemplateError(error);
		}
	}

	#scopeOf(variables: ReadonlyMap<string, Value>): Scope {
		const scope = new Scope(this.#globals);
		for (const [name, value] of variables) scope.set(name, value);
		return scope;
	}
}

function asTemplateError(error: unknown): unknown {
	return error instanceof RangeError ? new TemplateError("the template nests too deeply") : error;
}
