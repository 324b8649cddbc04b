// Names visible at a place in a template: one map per scope, looked up outwards. Holds no rules of Jinja's.
import { Undefined, type Value } from "./values.js";

export class Scope {
	readonly #names = new Map<string, Value>();
	readonly #parent: Scope | null;

	constructor(parent: Scope | null = null) {
		this.#parent = parent;
	}

	get(name: string): Value {
		let scope: Scope | null = this;
		while (scope !== null) {
			const value = scope.#names.get(name);
			if (value !== undefined) return value;
			scope = scope.#parent;
		}
		return new Undefined(`'${name}'`);
	}

	set(name: string, value: Value): void {
		this.#names.set(name, value);
	}
}
