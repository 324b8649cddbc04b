// Options of the help section Tokens: checkpoint, model family, chat template.
import { choice, jsonObject, path } from "../option-types.js";

const TOKENS = "Tokens";

export const TOKEN_OPTIONS = {
	checkpoint: path({
		group: TOKENS,
		description: "Hugging Face checkpoint directory with the tokenizer; required with --upstream",
		placeholder: "dir",
		fallback: null,
		defaultText: "the toy checkpoint that ships with rollpin",
	}),
	titoModel: choice({
		group: TOKENS,
		description: "model family: how a stored turn is continued",
		placeholder: "family",
		choices: [
			"default",
			"qwen3",
			"qwen35",
			"qwen36",
			"qwen38small",
			"qwen4exp",
			"qwennext",
			"glm47",
			"glm53",
			"nemotron3",
			"kimi25",
			"kimi26",
			"minimax_m25",
			"minimax_m27",
			"deepseekv32",
			"deepseekv4",
			"inkling",
		],
		fallback: null,
		defaultText: "chosen by the checkpoint: its model_type and template",
	}),
	toolSchemaVersion: choice({
		group: TOKENS,
		description:
			"how the engine spells tools to the chat template. auto: as its release does; 3: SGLang 0.5.23 and newer (the client's key order), 2: 0.5.13 to 0.5.22, 1: without defer_loading",
		placeholder: "version",
		choices: ["auto", "1", "2", "3"],
		fallback: "auto",
	}),
	chatTemplate: path({
		group: TOKENS,
		description: "Jinja file that replaces the checkpoint's template; only with the default family",
		placeholder: "file",
		fallback: null,
		defaultText: "the checkpoint's own",
	}),
	chatTemplateKwargs: jsonObject({
		group: TOKENS,
		description: "JSON object handed to every render and to the engine; a request may add to it",
		fallback: "{}",
	}),
};
