// Reads a request of a client: its body whole or as it comes, its fields by their rules. Knows no sandbox.
import type { IncomingMessage } from "node:http";
import { RollpinError } from "../../base/errors.js";

/** @throws RollpinError `body_too_large`, `unsupported_media_type` */
export async function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
	const encoding = request.headers["content-encoding"];
	if (encoding !== undefined && encoding !== "identity") {
		throw new RollpinError(
			"unsupported_media_type",
			`content-encoding ${encoding} is not accepted; send the body as it is`,
		);
	}
	const pieces: Buffer[] = [];
	let length = 0;
	for await (const piece of request as AsyncIterable<Buffer>) {
		length += piece.length;
		if (length > maxBytes) {
			throw new RollpinError(
				"body_too_large",
				`the body has more than ${maxBytes} bytes; send less, or files as a tar by PUT .../files, or raise --max-body-mib`,
			);
		}
		pieces.push(piece);
	}
	return Buffer.concat(pieces);
}

/** @throws RollpinError `unsupported_media_type`, `invalid_json`, `body_too_large` */
export async function readObject(request: IncomingMessage, maxBytes: number): Promise<Fields> {
	const type = request.headers["content-type"];
	const body = await readBody(request, maxBytes);
	if (type !== undefined && body.length > 0 && !/^\s*application\/([\w.-]+\+)?json\b/i.test(type)) {
		throw new RollpinError(
			"unsupported_media_type",
			`content-type ${type} is not accepted; send content-type: application/json`,
		);
	}
	return parseObject(body);
}

/** @param body may be empty: no fields. @throws RollpinError `invalid_json` */
export function parseObject(body: Buffer): Fields {
	if (body.length === 0) return new Fields({});
	const value = parseJson(body);
	if (typeof value === "object" && value !== null && !Array.isArray(value))
		return new Fields(value as Record<string, unknown>);
	throw new RollpinError("invalid_json", "the body must be a JSON object");
}

/** @throws RollpinError `invalid_json` */
export function parseJson(body: Buffer): unknown {
	try {
		return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
	} catch (error) {
		const reason = error instanceof Error ? error.message : String(error);
		throw new RollpinError("invalid_json", `invalid JSON body: ${reason}`, { cause: error });
	}
}

/** The fields of an object, each read by its rule. Null counts as left out. @throws RollpinError `invalid_request` with `param` */
export class Fields {
	readonly #values: Record<string, unknown>;
	readonly #prefix: string;

	constructor(values: Record<string, unknown>, prefix = "") {
		this.#values = values;
		this.#prefix = prefix;
	}

	/** Refuses what is not named: a misspelt limit must not be no limit. */
	only(...names: readonly string[]): this {
		for (const name of Object.keys(this.#values))
			if (!names.includes(name)) this.#refuse(name, `is no field here; there are ${names.join(", ")}`);
		return this;
	}

	names(): string[] {
		return Object.keys(this.#values);
	}

	value(name: string): unknown {
		return Object.hasOwn(this.#values, name) ? (this.#values[name] ?? null) : null;
	}

	text(name: string, maxLength = 4096): string | null {
		const value = this.value(name);
		if (value === null) return null;
		if (typeof value === "string" && value.length <= maxLength && !value.includes("\0")) return value;
		return this.#refuse(name, `must be text of at most ${maxLength} characters, without NUL`);
	}

	integer(name: string, least: number, most: number): number | null {
		const value = this.value(name);
		if (value === null) return null;
		if (Number.isInteger(value) && (value as number) >= least && (value as number) <= most)
			return value as number;
		return this.#refuse(name, `must be an integer from ${least} to ${most}`);
	}

	number(name: string): number | null {
		const value = this.value(name);
		if (value === null) return null;
		if (typeof value === "number" && Number.isFinite(value)) return value;
		return this.#refuse(name, "must be a number");
	}

	flag(name: string): boolean {
		const value = this.value(name);
		if (value === null || typeof value === "boolean") return value ?? false;
		return this.#refuse(name, "must be true or false");
	}

	choice<Choice extends string>(name: string, choices: readonly Choice[]): Choice | null {
		const value = this.value(name);
		if (value === null) return null;
		const found = choices.find((each) => each === value);
		return found ?? this.#refuse(name, `must be one of ${choices.join(", ")}`);
	}

	object(name: string): Fields | null {
		const value = this.value(name);
		if (value === null) return null;
		if (typeof value === "object" && !Array.isArray(value))
			return new Fields(value as Record<string, unknown>, `${this.#prefix}${name}.`);
		return this.#refuse(name, "must be an object");
	}

	list(name: string): unknown[] | null {
		const value = this.value(name);
		if (value === null || Array.isArray(value)) return value;
		return this.#refuse(name, "must be a list");
	}

	/** Texts by name. */
	texts(name: string, rule: RegExp, words: string): Record<string, string> {
		const value = this.value(name);
		if (value === null) return {};
		if (typeof value !== "object" || Array.isArray(value)) return this.#refuse(name, "must be an object");
		const entries = Object.entries(value as Record<string, unknown>);
		for (const [key, text] of entries) {
			if (!rule.test(key)) this.#refuse(name, `has the name ${JSON.stringify(key)}: ${words}`);
			if (typeof text !== "string" || text.includes("\0"))
				this.#refuse(name, `must hold text without NUL, which ${key} is not`);
		}
		return Object.fromEntries(entries) as Record<string, string>;
	}

	#refuse(name: string, rule: string): never {
		const param = this.#prefix + name;
		throw new RollpinError("invalid_request", `${param} ${rule}`, { param });
	}
}
