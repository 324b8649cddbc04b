// Owns what is read from a Hugging Face checkpoint directory; never renders or encodes anything.
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { Tokenizer } from "tokenizers";
import { ConfigError } from "../base/errors.js";
import { parseJson } from "../json/parse.js";
import type { JsonObject, JsonValue } from "../json/value.js";

export interface Checkpoint {
	directory: string;
	tokenizer: Tokenizer;
	/** The template for conversations without tools, and with them where `toolUse` is absent; undefined: none found. */
	chatTemplate: string | undefined;
	/** The template named `tool_use`, for checkpoints that keep one apart. */
	toolUseTemplate: string | undefined;
	/** `bos_token`, `eos_token`, `pad_token`... as far as the checkpoint names them: variables of the template. */
	specialTokens: ReadonlyMap<string, string>;
	/** `model_type` of config.json, where there is one. */
	modelType: string | undefined;
}

export interface LoadCheckpointOptions {
	/** Path of `--chat-template`; replaces the checkpoint's own template. */
	chatTemplateFile?: string | undefined;
}

const SPECIAL_TOKEN_NAMES = [
	"bos_token",
	"eos_token",
	"unk_token",
	"sep_token",
	"pad_token",
	"cls_token",
	"mask_token",
];

/**
 * Reads tokenizer.json, tokenizer_config.json, the chat template and config.json. Blocks: call it at start.
 * A `chat_template.jinja` file wins over a template inside the config, as in `transformers`.
 * @throws ConfigError naming the flag, what is missing and the remedy
 */
export function loadCheckpoint(directory: string, options: LoadCheckpointOptions = {}): Checkpoint {
	if (!statSync(directory, { throwIfNoEntry: false })?.isDirectory()) {
		throw new ConfigError(
			`--checkpoint ${directory}: no such directory; give a Hugging Face checkpoint directory that holds tokenizer.json`,
		);
	}
	const config = readJsonObject(join(directory, "tokenizer_config.json"));
	const own = ownTemplates(directory, config);
	const file = options.chatTemplateFile;
	const replacement = file === undefined ? undefined : readTemplateFile(file);
	return {
		directory,
		tokenizer: loadTokenizer(directory),
		chatTemplate: replacement ?? own.chatTemplate,
		toolUseTemplate: replacement === undefined ? own.toolUseTemplate : undefined,
		specialTokens: specialTokens(config),
		modelType: text(readJsonObject(join(directory, "config.json"))?.get("model_type")),
	};
}

function loadTokenizer(directory: string): Tokenizer {
	const path = join(directory, "tokenizer.json");
	if (readOptional(path) === undefined) {
		throw new ConfigError(
			`--checkpoint ${directory}: tokenizer.json is missing; export the tokenizer in the fast (Rust) format into it`,
		);
	}
	try {
		return Tokenizer.fromFile(path);
	} catch (error) {
		throw new ConfigError(`--checkpoint ${directory}: tokenizer.json cannot be loaded: ${reason(error)}`, {
			cause: error,
		});
	}
}

function readTemplateFile(path: string): string {
	const template = readOptional(path);
	if (template === undefined) {
		throw new ConfigError(`--chat-template ${path}: no such file; give the path of a Jinja chat template`);
	}
	return template.toString("utf8");
}

function ownTemplates(directory: string, config: JsonObject | undefined) {
	const file = readOptional(join(directory, "chat_template.jinja"));
	if (file) return { chatTemplate: file.toString("utf8"), toolUseTemplate: undefined };
	const inside = config?.get("chat_template");
	if (!Array.isArray(inside)) return { chatTemplate: text(inside), toolUseTemplate: undefined };
	const named = new Map<string, string>();
	for (const entry of inside) {
		if (!(entry instanceof Map)) continue;
		const name = text(entry.get("name"));
		const template = text(entry.get("template"));
		if (name !== undefined && template !== undefined) named.set(name, template);
	}
	return { chatTemplate: named.get("default"), toolUseTemplate: named.get("tool_use") };
}

function specialTokens(config: JsonObject | undefined): Map<string, string> {
	const tokens = new Map<string, string>();
	for (const name of SPECIAL_TOKEN_NAMES) {
		const value = config?.get(name);
		const content = text(value instanceof Map ? value.get("content") : value);
		if (content !== undefined) tokens.set(name, content);
	}
	return tokens;
}

function readJsonObject(path: string): JsonObject | undefined {
	const bytes = readOptional(path);
	if (bytes === undefined) return undefined;
	let value: JsonValue;
	try {
		value = parseJson(bytes);
	} catch (error) {
		throw new ConfigError(`--checkpoint: ${path} is not valid JSON: ${reason(error)}`, { cause: error });
	}
	if (value instanceof Map) return value;
	throw new ConfigError(`--checkpoint: ${path} must hold a JSON object`);
}

function readOptional(path: string): Buffer | undefined {
	try {
		return readFileSync(path);
	} catch (error) {
		const code = (error as NodeJS.ErrnoException).code;
		if (code === "ENOENT" || code === "ENOTDIR") return undefined;
		throw new ConfigError(`--checkpoint: ${path} cannot be read: ${reason(error)}`, { cause: error });
	}
}

function text(value: JsonValue | undefined): string | undefined {
	return typeof value === "string" ? value : undefined;
}

function reason(error: unknown): string {
	return error instanceof Error ? error.message : String(error);
}
