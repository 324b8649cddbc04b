// Lossless JSON values: number spelling and key order survive, no key ever reaches a prototype.

/** A number as it was spelled (`1.0`, `-0.0`, `1e-07`, integers of any size). */
export class JsonNumber {
	readonly text: string;

	constructor(text: string) {
		this.text = text;
	}

	/** The nearest double; keeps the sign of zero. */
	get value(): number {
		return Number(this.text);
	}

	/** True when spelled without fraction and exponent, which is what Python calls an int. */
	get isInteger(): boolean {
		return /^-?\d+$/.test(this.text);
	}
}

/** Insertion-ordered; a duplicate key keeps its first position and its last value, as a Python dict does. */
export type JsonObject = Map<string, JsonValue>;

export type JsonValue = null | boolean | string | JsonNumber | JsonValue[] | JsonObject;
