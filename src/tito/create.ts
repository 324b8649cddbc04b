// Builds the Tito of one checkpoint and one family. Reads files and refuses bad settings; later calls read nothing.
import { ConfigError, RollpinError } from "../base/errors.js";
import type { JsonObject } from "../json/value.js";
import { type AnswerEnd, type JoinBoundary, resolveBoundary } from "./boundary.js";
import { type Checkpoint, loadCheckpoint } from "./checkpoint.js";
import { type ControlText, ControlTokens } from "./control-text.js";
import { Encoder } from "./encoder.js";
import { familyNamed } from "./families/registry.js";
import type { ConversationRenderer, Family } from "./family.js";
import { ChatTemplate } from "./jinja/template.js";
import { launchKwargs, requestKwargs } from "./kwargs.js";
import { MessageProbe, wordsOf } from "./message-probe.js";
import type { Segmentation } from "./mismatch.js";
import { PromptRenderer } from "./renderer.js";
import { resolveSegmentation, specialTokenTexts } from "./segmentation.js";
import { writesOtherwise } from "./template-probe.js";
import type { FamilyFacts, PromptInput, SuffixInput, TemplateKwargs, Tito } from "./tito.js";
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
	/** Longest text that is encoded, in UTF-8 bytes; no bound by default. */
	maxTextBytes?: number;
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
	const rendererFor = rendererOf(family, checkpoint, kwargs, options);
	const renderer = rendererFor(options.toolSchemaVersion ?? 1);
	const encoder = new Encoder(checkpoint.tokenizerFile, checkpoint.outputSize, options.maxTextBytes, [
		...checkpoint.specialTokens.values(),
	]);
	const segmentation = await resolveSegmentation(family, encoder, checkpoint);
	const joinBoundary = await resolveBoundary(
		family,
		encoder,
		await endOfAnswer(renderer, kwargs, checkpoint, encoder),
	);
	const byTemplateFor = checkpointRenderer(checkpoint);
	const differs = differsFromCheckpoint(
		family,
		renderer,
		byTemplateFor?.(options.toolSchemaVersion ?? 1),
		kwargs,
	);
	const probe = new MessageProbe(renderer, kwargs, fieldNames(family, checkpoint));
	return new CheckpointTito(
		family,
		kwargs,
		renderer,
		rendererFor,
		encoder,
		joinBoundary,
		segmentation,
		differs,
		probe,
		{ tokens: new ControlTokens(specialTokenTexts(checkpoint)), refuse: options.controlText === "refuse" },
		byTemplateFor,
		options.toolSchemaVersion ?? 1,
	);
}

/** Null where the template is absent, or cannot be read; one that is not used need not be. */
function checkpointRenderer({ chatTemplate, specialTokens }: Checkpoint): RendererFor | null {
	if (chatTemplate === null) return null;
	try {
		const template = new ChatTemplate(chatTemplate);
		return (version) => new PromptRenderer(template, specialTokens, version);
	} catch {
		return null;
	}
}

function differsFromCheckpoint(
	family: Family,
	renderer: ConversationRenderer,
	byTemplate: ConversationRenderer | undefined,
	kwargs: TemplateKwargs,
): boolean {
	if (family.prompts.kind === "checkpoint" || byTemplate === undefined) return false;
	return writesOtherwise(renderer, byTemplate, kwargs);
}

/** Names that the prompt format may ask a message for. */
function fieldNames({ prompts }: Family, { chatTemplate }: Checkpoint): Set<string> {
	if (prompts.kind === "encoder") return new Set(prompts.encoder.fields);
	return wordsOf((prompts.kind === "template" ? prompts.template : chatTemplate) ?? "");
}

/** Of the tokens that end a sequence the one that the template puts behind an answer; null where it puts none of them. */
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
		return id === undefined ? null : { id, behind: [...(await encoder.encode(text.slice(ended.length)))] };
	} catch (error) {
		if (error instanceof RollpinError) return null;
		throw error;
	}
}

type RendererFor = (version: ToolSchemaVersion) => ConversationRenderer;

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

class CheckpointTito implements Tito {
	readonly family: FamilyFacts;
	readonly joinBoundary: JoinBoundary;
	readonly segmentation: Segmentation;
	readonly differsFromCheckpoint: boolean;
	readonly #kwargs: TemplateKwargs;
	#renderer: ConversationRenderer;
	readonly #rendererFor: RendererFor;
	readonly #encoder: Encoder;
	readonly #probe: MessageProbe;
	readonly #control: { tokens: ControlTokens; refuse: boolean };
	readonly #byTemplateFor: RendererFor | null;
	#byTemplate: ConversationRenderer | null;

	constructor(
		family: Family,
		kwargs: TemplateKwargs,
		renderer: ConversationRenderer,
		rendererFor: RendererFor,
		encoder: Encoder,
		joinBoundary: JoinBoundary,
		segmentation: Segmentation,
		differsFromCheckpoint: boolean,
		probe: MessageProbe,
		control: { tokens: ControlTokens; refuse: boolean },
		byTemplateFor: RendererFor | null,
		version: ToolSchemaVersion,
	) {
		this.#probe = probe;
		this.#control = control;
		this.#byTemplateFor = byTemplateFor;
		this.#byTemplate = byTemplateFor?.(version) ?? null;
		this.differsFromCheckpoint = differsFromCheckpoint;
		this.segmentation = segmentation;
		this.family = family;
		this.joinBoundary = joinBoundary;
		this.#kwargs = kwargs;
		this.#renderer = renderer;
		this.#rendererFor = rendererFor;
		this.#encoder = encoder;
	}

	useToolSchema(version: ToolSchemaVersion): void {
		this.#renderer = this.#rendererFor(version);
		this.#byTemplate = this.#byTemplateFor?.(version) ?? null;
	}

	get vocabSize(): number {
		return this.#encoder.vocabSize;
	}

	effectiveKwargs(request: JsonObject | undefined): TemplateKwargs {
		return requestKwargs(this.#kwargs, request, this.family);
	}

	async encodePrompt(input: PromptInput): Promise<Int32Array> {
		this.#refuseControl(input.messages, (index) => `messages[${index}]`);
		return this.#encoder.encode(this.#renderer.prompt(input));
	}

	async encodeByTemplate(input: PromptInput): Promise<Int32Array | null> {
		return this.#byTemplate === null ? null : this.#encoder.encode(this.#byTemplate.prompt(input));
	}

	async encodeSuffix(input: SuffixInput): Promise<Int32Array> {
		this.#refuseControl(input.appended, (index) => `appended message ${index}`);
		return this.#encoder.encodeBehind(this.#renderer.suffix(input));
	}

	controlText(messages: readonly JsonObject[]): ControlText | null {
		return this.#control.tokens.find(messages);
	}

	#refuseControl(messages: readonly JsonObject[], placeOf: (index: number) => string): void {
		const found = this.#control.refuse ? this.#control.tokens.find(messages) : null;
		if (found === null) return;
		const param = placeOf(found.index);
		throw new RollpinError(
			"invalid_messages",
			`${param} spells the control token ${found.token}, which would become that token (--control-text refuse); send it otherwise`,
			{ param },
		);
	}

	async encodeConversation(input: PromptInput): Promise<Int32Array> {
		return this.#encoder.encode(this.#renderer.comparable(input));
	}

	partSeparator(role: string, calling: boolean): string {
		return this.#probe.partSeparator(role, calling);
	}

	shows(role: string, field: string): boolean {
		return this.#probe.shows(role, field);
	}

	shownRole(role: string): string {
		return this.#renderer.shownRole(role);
	}

	decode(ids: Int32Array): Promise<string> {
		return this.#encoder.decode(ids);
	}

	decodeMany(lists: readonly Int32Array[]): Promise<string[]> {
		return this.#encoder.decodeMany(lists);
	}
}
