// The Tito of one checkpoint and one family: renders by the family, encodes by the checkpoint's tokenizer. Reads no files.
import { RollpinError } from "../base/errors.js";
import { inSlices } from "../base/pace.js";
import type { JsonObject } from "../json/value.js";
import type { JoinBoundary } from "./boundary.js";
import type { ControlText, ControlTokens } from "./control-text.js";
import type { Encoder } from "./encoder.js";
import type { ConversationRenderer, Family, RendererFor } from "./family.js";
import { requestKwargs } from "./kwargs.js";
import type { MessageProbe } from "./message-probe.js";
import type { Segmentation } from "./mismatch.js";
import type { FamilyTraits, PromptInput, SuffixInput, TemplateKwargs, Tito } from "./tito.js";
import type { ToolSchemaVersion } from "./tools.js";

export interface TitoParts {
	family: Family;
	/** The launch's, under the family's pins. */
	kwargs: TemplateKwargs;
	rendererFor: RendererFor;
	/** By the checkpoint's own template; null where there is none that can be read. */
	byTemplateFor: RendererFor | null;
	encoder: Encoder;
	/** Why the library encodes everything; null when it does not. */
	slowTokenizer: string | null;
	joinBoundary: JoinBoundary;
	segmentation: Segmentation;
	differsFromCheckpoint: boolean;
	probe: MessageProbe;
	controlTokens: ControlTokens;
	/** `--control-text refuse` */
	refuseControlText: boolean;
}

export class CheckpointTito implements Tito {
	readonly family: FamilyTraits;
	readonly joinBoundary: JoinBoundary;
	readonly segmentation: Segmentation;
	readonly differsFromCheckpoint: boolean;
	readonly slowTokenizer: string | null;
	readonly #parts: TitoParts;
	#renderer: ConversationRenderer;
	#byTemplate: ConversationRenderer | null;

	/** @param renderer @param byTemplate those to begin with: what they have found out of their template is kept */
	constructor(parts: TitoParts, renderer: ConversationRenderer, byTemplate: ConversationRenderer | null) {
		this.#parts = parts;
		this.family = parts.family;
		this.joinBoundary = parts.joinBoundary;
		this.segmentation = parts.segmentation;
		this.slowTokenizer = parts.slowTokenizer;
		this.differsFromCheckpoint = parts.differsFromCheckpoint;
		this.#renderer = renderer;
		this.#byTemplate = byTemplate;
	}

	useToolSchema(version: ToolSchemaVersion): void {
		this.#renderer = this.#parts.rendererFor(version);
		this.#byTemplate = this.#parts.byTemplateFor?.(version) ?? null;
	}

	get vocabSize(): number {
		return this.#parts.encoder.vocabSize;
	}

	effectiveKwargs(request: JsonObject | undefined): TemplateKwargs {
		return requestKwargs(this.#parts.kwargs, request, this.family);
	}

	async encodePrompt(input: PromptInput): Promise<Int32Array> {
		this.#refuseControl(input.messages, (index) => `messages[${index}]`);
		return this.#parts.encoder.encode(this.#renderer.prompt(input));
	}

	async encodeByTemplate(input: PromptInput): Promise<Int32Array | null> {
		return this.#byTemplate === null ? null : this.#parts.encoder.encode(this.#byTemplate.prompt(input));
	}

	async encodeSuffix(input: SuffixInput): Promise<Int32Array> {
		this.#refuseControl(input.appended, (index) => `appended message ${index}`);
		return this.#parts.encoder.encodeContinuation(this.#renderer.suffix(input));
	}

	controlText(messages: readonly JsonObject[]): ControlText | null {
		return this.#parts.controlTokens.find(messages);
	}

	#refuseControl(messages: readonly JsonObject[], placeOf: (index: number) => string): void {
		const found = this.#parts.refuseControlText ? this.#parts.controlTokens.find(messages) : null;
		if (found === null) return;
		const param = placeOf(found.index);
		throw new RollpinError(
			"invalid_messages",
			`${param} spells the control token ${found.token}, which would become that token (--control-text refuse); send it otherwise`,
			{ param },
		);
	}

	async encodeConversation(input: PromptInput): Promise<Int32Array> {
		const steps = this.#renderer.comparing?.(input);
		const text = steps === undefined ? this.#renderer.comparable(input) : await inSlices(steps);
		return this.#parts.encoder.encode(text);
	}

	partSeparator(role: string, calling: boolean): string {
		return this.#parts.probe.partSeparator(role, calling);
	}

	shows(role: string, field: string): boolean {
		return this.#parts.probe.shows(role, field);
	}

	shownRole(role: string): string {
		return this.#renderer.shownRole(role);
	}

	decode(ids: Int32Array): Promise<string> {
		return this.#parts.encoder.decode(ids);
	}

	decodeMany(lists: readonly Int32Array[]): Promise<string[]> {
		return this.#parts.encoder.decodeMany(lists);
	}
}
