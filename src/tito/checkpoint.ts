// Reads a checkpoint's tokenizer and chat template from disk, once. Renders and encodes nothing.
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { ConfigError } from "../base/errors.js";
import { JsonSyntaxError, parseJson } from "../json/parse.js";
import { JsonNumber, type JsonObject, type JsonValue } from "../json/value.js";

export interface Checkpoint {
	dir: string;
	tokenizerFile: string;
	/** `eos_token` and the like by name, the variables that transformers gives to every template. */
	specialTokens: ReadonlyMap<string, string>;
	/** Ids that tokenizer_config.json's `added_tokens_decoder` flags special. */
	flaggedSpecialIds: readonly number[];
	/** The custom template, else chat_template.jinja, else the one in tokenizer_config.json; null when there is none. */
	chatTemplate: string | null;
	/** Rows of the model's output layer by config.json (0 when it does not say): often more than the tokenizer has tokens. */
	outputSize: number;
	/** `eos_token_id` of generation_config.json, what the engine stops at: a number or a list there. */
	endIds: readonly number[];
	/** `model_type` of config.json; null when it does not say. */
	modelType: string | null;
}

export interface CheckpointOptions {
	/** `--chat-template`; null for the checkpoint's own. */
	chatTemplateFile: string | null;
}

const SPECIAL_TOKENS = [
	"bos_token",
	"eos_token",
	"unk_token",
	"sep_token",
	"pad_token",
	"cls_token",
	"mask_token",
];

/** @throws ConfigError naming `--checkpoint` or `--chat-template`, the file and the remedy */
export function loadCheckpoint(dir: string, options: CheckpointOptions): Checkpoint {
	if (!isDirectory(dir))
		throw new ConfigError(
			`--checkpoint ${dir} is not a directory; give the directory that holds the model's tokenizer.json`,
		);
	const tokenizerFile = join(dir, "tokenizer.json");
	if (!isFile(tokenizerFile))
		throw new ConfigError(
			`--checkpoint ${dir} has no tokenizer.json; give a checkpoint that was saved with a fast tokenizer`,
		);
	const config = readConfig(join(dir, "tokenizer_config.json"));
	const chatTemplate = customTemplate(options.chatTemplateFile) ?? ownTemplate(dir, config);
	const modelConfig = jsonObjectIn(join(dir, "config.json"));
	const generation = jsonObjectIn(join(dir, "generation_config.json"));
	const modelType = modelConfig?.get("model_type");
	return {
		dir,
		tokenizerFile,
		specialTokens: specialTokens(config),
		flaggedSpecialIds: flaggedSpecialIds(config),
		chatTemplate,
		endIds: generation === null ? [] : tokenIds(generation.get("eos_token_id")),
		outputSize: modelConfig === null ? 0 : outputSizeOf(modelConfig),
		modelType: typeof modelType === "string" ? modelType : null,
	};
}

/** Null where there is no such file. */
function jsonObjectIn(file: string): JsonObject | null {
	return isFile(file) ? readConfig(file) : null;
}

function tokenIds(value: JsonValue | undefined): number[] {
	const ids = Array.isArray(value) ? value : [value];
	return ids.flatMap((id) => (id instanceof JsonNumber && id.isInteger ? [id.value] : []));
}

/** `vocab_size`, at the top or under `text_config` as multimodal models have it. */
function outputSizeOf(config: JsonObject): number {
	const text = config.get("text_config");
	for (const place of [config, text]) {
		const size = place instanceof Map ? place.get("vocab_size") : undefined;
		if (size instanceof JsonNumber && size.isInteger) return size.value;
	}
	return 0;
}

function isDirectory(path: string): boolean {
	return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

function isFile(path: string): boolean {
	return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}

function readConfig(file: string): JsonObject {
	if (!isFile(file))
		throw new ConfigError(
			`--checkpoint has no ${file}; copy tokenizer_config.json from the model's repository`,
		);
	let config: JsonValue;
	try {
		config = parseJson(readFileSync(file));
	} catch (error) {
		if (!(error instanceof JsonSyntaxError)) throw error;
		throw new ConfigError(`--checkpoint: ${file} is not JSON (${error.message}); copy it again`, {
			cause: error,
		});
	}
	if (config instanceof Map) return config;
	throw new ConfigError(
		`--checkpoint: ${file} is not a JSON object; copy it again from the model's repository`,
	);
}

function customTemplate(file: string | null): string | null {
	if (file === null) return null;
	if (!isFile(file))
		throw new ConfigError(
			`--chat-template ${file} is not a file; give a Jinja chat template, or leave the flag out`,
		);
	return readFileSync(file, "utf8");
}

function ownTemplate(dir: string, config: JsonObject): string | null {
	const file = join(dir, "chat_template.jinja");
	return isFile(file) ? readFileSync(file, "utf8") : templateText(config.get("chat_template"));
}

/** A string, or a list of `{name, template}` of which `default` counts. */
function templateText(value: JsonValue | undefined): string | null {
	if (typeof value === "string") return value;
	if (!Array.isArray(value)) return null;
	for (const item of value) {
		const template = item instanceof Map && item.get("name") === "default" ? item.get("template") : undefined;
		if (typeof template === "string") return template;
	}
	return null;
}

function specialTokens(config: JsonObject): Map<string, string> {
	const tokens = new Map<string, string>();
	for (const name of SPECIAL_TOKENS) {
		const value = config.get(name);
		const content = value instanceof Map ? value.get("content") : value;
		if (typeof content === "string") tokens.set(name, content);
	}
	return tokens;
}

function flaggedSpecialIds(config: JsonObject): number[] {
	const decoder = config.get("added_tokens_decoder");
	if (!(decoder instanceof Map)) return [];
	const flagged = [...decoder].filter(([, token]) => token instanceof Map && token.get("special") === true);
	return flagged.map(([id]) => Number(id)).filter(Number.isSafeInteger);
}
