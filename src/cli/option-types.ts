// The kinds of options: how each reads one value from text or JSON. Pure; knows no particular option.
import { JsonSyntaxError, parseJson, writeJson } from "../json/parse.js";
import { JsonNumber, type JsonValue } from "../json/value.js";

/** What a value looks like before it is read: text from a flag or variable, JSON from the config file. */
export type RawValue = { form: "text"; text: string } | { form: "json"; value: JsonValue };

interface OptionText {
	group: string;
	/** One sentence for --help; says what the option does, with its unit where it has one. */
	description: string;
	/** Unit of a number (`s`, `MiB`), for --help and the docs. */
	unit?: string;
	/** How --help shows the default when the value alone would not say it; "" for a switch that is an action. */
	defaultText?: string;
	/** Added to the error for a bad value. */
	hint?: string;
	/** SIGHUP changes it in a cluster that runs. */
	reloadable?: true;
	/** The command does not run without it. */
	required?: true;
}

export interface OptionSpec<T> extends OptionText {
	kind: "integer" | "number" | "text" | "path" | "choice" | "switch" | "list" | "json";
	/** Shown as `<placeholder>`; null for a switch. */
	placeholder: string | null;
	/** The rule in words, as in "must be ...". */
	rule: string;
	choices?: readonly string[];
	/** Null where the default is found when the settings are put together, or where there is none. */
	fallback: T;
	/** Returns undefined when the value breaks the rule. */
	parse(raw: RawValue): T | undefined;
}

/** Options by key, in the order in which help shows them. */
export type OptionSet = Readonly<Record<string, OptionSpec<unknown>>>;

/** What each option of a set holds once it is read; its `fallback` where it was left out. */
export type ValuesOf<Set extends OptionSet> = {
	[Key in keyof Set]: Set[Key] extends OptionSpec<infer Value> ? Value : never;
};

type Spec<D> = OptionText & { fallback: D };
type NumberSpec<D> = Spec<D> & { min: number; max: number; placeholder?: string };

const INTEGER = /^\d{1,15}$/;
const DECIMAL = /^\d{1,15}(\.\d{1,9})?$/;

function textOf(raw: RawValue): string | undefined {
	if (raw.form === "text") return raw.text;
	return typeof raw.value === "string" ? raw.value : undefined;
}

/** A number by its spelling, the same rule for text and JSON: no exponents, no signs. */
function numberOf(raw: RawValue, spelling: RegExp): number | undefined {
	const spelled = raw.form === "text" ? raw.text : raw.value instanceof JsonNumber ? raw.value.text : "";
	return spelling.test(spelled) ? Number(spelled) : undefined;
}

export function integer<D extends number | null>(spec: NumberSpec<D>): OptionSpec<number | D> {
	return {
		placeholder: spec.unit ?? "n",
		...spec,
		kind: "integer",
		rule: `a whole number from ${spec.min} to ${spec.max}`,
		parse(raw) {
			const value = numberOf(raw, INTEGER);
			if (value === undefined || !Number.isInteger(value)) return undefined;
			return value >= spec.min && value <= spec.max ? value : undefined;
		},
	};
}

export function decimal<D extends number | null>(spec: NumberSpec<D>): OptionSpec<number | D> {
	return {
		placeholder: spec.unit ?? "n",
		...spec,
		kind: "number",
		rule: `a plain number from ${spec.min} to ${spec.max}`,
		parse(raw) {
			const value = numberOf(raw, DECIMAL);
			return value !== undefined && value >= spec.min && value <= spec.max ? value : undefined;
		},
	};
}

/** Text that passes `check`, which returns the value to keep or undefined. */
export function text<D extends string | null>(
	spec: Spec<D> & { placeholder: string; rule: string; check: (text: string) => string | undefined },
): OptionSpec<string | D> {
	const { check, ...rest } = spec;
	return {
		...rest,
		kind: "text",
		parse(raw) {
			const value = textOf(raw);
			return value === undefined ? undefined : check(value);
		},
	};
}

/** A path; made absolute later, against the working directory or the config file's folder. */
export function path<D extends string | null>(
	spec: Spec<D> & { placeholder: "file" | "dir" },
): OptionSpec<string | D> {
	return {
		...spec,
		kind: "path",
		rule: spec.placeholder === "dir" ? "the path of a directory" : "the path of a file",
		parse(raw) {
			const value = textOf(raw);
			return value === undefined || value === "" || value.includes("\0") ? undefined : value;
		},
	};
}

export function choice<const C extends string, D extends C | null>(
	spec: Spec<D> & { choices: readonly C[]; placeholder: string },
): OptionSpec<C | D> {
	return {
		...spec,
		kind: "choice",
		rule: `one of ${spec.choices.join(", ")}`,
		parse(raw) {
			const value = textOf(raw);
			return spec.choices.find((candidate) => candidate === value);
		},
	};
}

/** `--x` and `--no-x`; `true`, `false`, `1` or `0` in the environment; a JSON boolean in the file. */
export function onOff(spec: Spec<boolean>): OptionSpec<boolean> {
	return {
		...spec,
		kind: "switch",
		placeholder: null,
		rule: "true or false",
		parse(raw) {
			if (raw.form === "json") return typeof raw.value === "boolean" ? raw.value : undefined;
			if (raw.text === "true" || raw.text === "1") return true;
			if (raw.text === "false" || raw.text === "0") return false;
			return undefined;
		},
	};
}

/** A comma-separated list in text, a JSON list of strings in the file. */
export function list(
	spec: Spec<readonly string[]> & { placeholder: string; rule: string; check: (item: string) => boolean },
): OptionSpec<readonly string[]> {
	const { check, ...rest } = spec;
	return {
		...rest,
		kind: "list",
		parse(raw) {
			const items = raw.form === "text" ? raw.text.split(",").map((item) => item.trim()) : raw.value;
			if (!Array.isArray(items)) return undefined;
			const good = items.filter((item) => typeof item === "string" && check(item)) as string[];
			return good.length === items.length ? [...new Set(good)] : undefined;
		},
	};
}

/** A JSON object, kept as its text so that number spelling and key order survive. In the file an object too. */
export function jsonObject(spec: Spec<string>): OptionSpec<string> {
	return {
		...spec,
		kind: "json",
		placeholder: "json",
		rule: 'a JSON object, such as {"enable_thinking": false}',
		parse(raw) {
			if (raw.form === "json") return raw.value instanceof Map ? writeJson(raw.value) : undefined;
			try {
				return parseJson(raw.text) instanceof Map ? raw.text : undefined;
			} catch (error) {
				if (error instanceof JsonSyntaxError) return undefined;
				throw error;
			}
		},
	};
}
