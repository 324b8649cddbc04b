// Builds the Tito of one checkpoint and one family. Reads files and refuses bad settings; later calls read nothing.
import { ConfigError, RollpinError } from "../base/errors.js";
import { ChatTemplate } from "../jinja/template.js";
import type { JsonObject } from "../json/value.js";
import { type AnswerEnd, resolveBoundary } from "./boundary.js";
import { type Checkpoint, loadCheckpoint } from "./checkpoint.js";
import { checkpointRenderer } from "./checkpoint-renderer.js";
import { CheckpointTito } from "./checkpoint-tito.js";
import { ControlTokens } from "./control-text.js";
import { Encoder } from "./encoder.js";
import { familyNamed } from "./families/registry.js";
import type { ConversationRenderer, Family, RendererFor } from "./family.js";
import { launchKwargs } from "./kwargs.js";
import { MessageProbe, wordsOf } from "./message-probe.js";
import { PromptRenderer } from "./renderer.js";
import { resolveSegmentation, specialTokenTexts } from "./segmentation.js";
import { INSTRUCTED_QUESTION, writeAlike } from "./template-probe.js";
import type { TemplateKwargs, Tito } from "./tito.js";
import { readTokenizerJson } from "./tokenizer-json.js";
import type { ToolSchemaVersion } from "./tools.js";

export interface TitoOptions {
	checkpointDir: string;
	/** `--chat-template`; null for the checkpoint's own, or the family's fixed one. */
	chatTemplateFile: string | null;
	/** `--chat-template-kwargs`. */
	chatTemplateKwargs: JsonObject;
	/** `--tito-model`. */
	titoModel: string;
	/** Until `useToolSchema` says otherwise; 1 by default. */
	toolSchemaVersion?: ToolSchemaVersion;
	/** `--control-text`; allow by default. */
	controlText?: "allow" | "refuse";
	/** Longest text that is encoded, in UTF-8 bytes, asked for each; no bound by default. */
	maxTextBytes?: () => number;
}

/** @throws ConfigError naming the flag, the rule and the remedy */
export async function createTito(options: TitoOptions): Promise<Tito> {
	const family = familyNamed(options.titoModel);
	if (family.prompts.kind !== "checkpoint" && options.chatTemplateFile !== null)
		throw new ConfigError(
			`--chat-template cannot be used with --tito-model ${family.name}, which brings its own template; leave one of them out`,
		);
	const checkpoint = loadCheckpoint(options.checkpointDir, { chatTemplateFile: options.chatTemplateFile });
	const kwargs = launchKwargs(options.chatTemplateKwargs, family);
	refuseUnknownKwargs(family, kwargs);
	const version = options.toolSchemaVersion ?? 1;
	const rendererFor = rendererOf(family, checkpoint, kwargs, options);
	const renderer = rendererFor(version);
	const byTemplateFor = checkpointRenderer(checkpoint);
	const byTemplate = byTemplateFor?.(version) ?? null;
	const encoder = new Encoder(checkpoint.tokenizerFile, checkpoint.outputSize, options.maxTextBytes, [
		...checkpoint.specialTokens.values(),
	]);
	const json = readTokenizerJson(checkpoint.tokenizerFile);
	const slowTokenizer = await encoder.goFast(json);
	const segmentation = await resolveSegmentation(family, encoder, checkpoint, json);
	const end = await endOfAnswer(renderer, kwargs, checkpoint, encoder);
	return new CheckpointTito(
		{
			family,
			kwargs,
			rendererFor,
			byTemplateFor,
			encoder,
			slowTokenizer,
			segmentation,
			joinBoundary: await resolveBoundary(family, encoder, end),
			differsFromCheckpoint: differsFromCheckpoint(family, renderer, byTemplate, kwargs),
			probe: new MessageProbe(renderer, kwargs, fieldNames(family, checkpoint)),
			controlTokens: new ControlTokens(specialTokenTexts(json)),
			refuseControlText: options.controlText === "refuse",
		},
		renderer,
		byTemplate,
	);
}

function differsFromCheckpoint(
	family: Family,
	renderer: ConversationRenderer,
	byTemplate: ConversationRenderer | null,
	kwargs: TemplateKwargs,
): boolean {
	if (family.prompts.kind === "checkpoint" || byTemplate === null) return false;
	return writeAlike(renderer, byTemplate, INSTRUCTED_QUESTION, kwargs) === false;
}

/** Names that the prompt format may ask a message for. */
function fieldNames({ prompts }: Family, { chatTemplate }: Checkpoint): Set<string> {
	if (prompts.kind === "encoder") return new Set(prompts.encoder.fields);
	return wordsOf((prompts.kind === "template" ? prompts.template : chatTemplate) ?? "");
}

/** Of the tokens that end a sequence the one that the template puts after an answer; null where it puts none of them. */
async function endOfAnswer(
	renderer: ConversationRenderer,
	kwargs: TemplateKwargs,
	{ specialTokens, endIds }: Checkpoint,
	encoder: Encoder,
): Promise<AnswerEnd | null> {
	const named = encoder.tokenId(specialTokens.get("eos_token") ?? "");
	const ids = [...(named === null ? [] : [named]), ...endIds.filter((id) => id < encoder.vocabSize)];
	try {
		const messages = ["user", "assistant"].map(
			(role) => new Map([...Object.entries({ role, content: "probe" })]),
		);
		const text = renderer.comparable({ messages, tools: undefined, kwargs });
		const ended = text.trimEnd();
		const tokens = await encoder.decodeMany(ids.map((id) => Int32Array.of(id)));
		const at = tokens.findIndex((token) => token !== "" && ended.endsWith(token));
		const id = ids[at];
		return id === undefined ? null : { id, following: [...(await encoder.encode(text.slice(ended.length)))] };
	} catch (error) {
		if (error instanceof RollpinError) return null;
		throw error;
	}
}

function rendererOf(
	{ prompts }: Family,
	checkpoint: Checkpoint,
	kwargs: TemplateKwargs,
	options: TitoOptions,
): RendererFor {
	if (prompts.kind === "encoder") return (version) => prompts.encoder.forToolSchema(version);
	const source = prompts.kind === "template" ? prompts.template : checkpoint.chatTemplate;
	const template = compile(source, checkpoint, options);
	return (version) => new PromptRenderer(template, checkpoint.specialTokens, version, kwargs);
}

/** A template may look at any variable; an encoder knows its own, and would refuse each request for another. */
function refuseUnknownKwargs({ prompts }: Family, kwargs: TemplateKwargs): void {
	if (prompts.kind !== "encoder") return;
	try {
		prompts.encoder.prompt({ messages: [], tools: undefined, kwargs });
	} catch (error) {
		if (!(error instanceof RollpinError)) throw error;
		throw new ConfigError(`--chat-template-kwargs: ${error.message}`, { cause: error });
	}
}

function compile(source: string | null, checkpoint: Checkpoint, options: TitoOptions): ChatTemplate {
	if (source === null)
		throw new ConfigError(
			`--checkpoint ${checkpoint.dir} has no chat template; give one with --chat-template`,
		);
	try {
		return new ChatTemplate(source);
	} catch (error) {
		const reason = error instanceof Error ? error.message : String(error);
		const place = options.chatTemplateFile ?? `the template of --checkpoint ${checkpoint.dir}`;
		throw new ConfigError(`cannot parse ${place} (${reason}); give a working template with --chat-template`, {
			cause: error,
		});
	}
}
