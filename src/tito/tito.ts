// What the rest of the program sees of tokenization: prompts in, token ids out, never history twice.
import type { JsonObject, JsonValue } from "../json/value.js";
import type { Segmentation } from "./mismatch.js";
import type { ToolSchemaVersion } from "./tools.js";

export type AppendRole = "tool" | "user" | "system" | "assistant";

/** One on-off template kwarg that goes by several names. */
export interface KwargAliases {
	/** The name under which it is rendered and sent to the engine; never beside another of the group. */
	flag: string;
	/** Every name it is known by, `flag` included, with its two values; of several in one layer the first counts. */
	names: readonly { name: string; on: string | boolean; off: string | boolean }[];
	/** Its value where no name of it is given; an explicit null gives none. */
	absent: boolean;
}

/** What a model family says of itself (docs/families.md). */
export interface FamilyTraits {
	name: string;
	/**
	 * Template kwargs that may not be contradicted. A family with a template of its own pins also what that need not read, such
	 * as `clear_thinking`: a request for the contrary is refused, not ignored, and the same kwargs go to the engine and to the
	 * checkpoint's template, which may read them.
	 */
	pinnedKwargs: Readonly<Record<string, boolean | string>>;
	/** Without it each kwarg stands for itself. */
	kwargAliases?: KwargAliases;
	appendRoles: readonly AppendRole[];
	/** Most ids that `joinBoundary` may drop; 1 for glm47, else 0. */
	maxTrimTokens: 0 | 1;
}

/** The template kwargs of one render: launch, then family pins, then the request's own. */
export type TemplateKwargs = JsonObject;

export interface PromptInput {
	/** The whole conversation, as the client sent it. */
	messages: readonly JsonObject[];
	/** The client's `tools`, already checked to be a list; undefined or empty means none. */
	tools: readonly JsonValue[] | undefined;
	kwargs: TemplateKwargs;
}

export interface SuffixInput {
	/** The stored generated message that the appended ones follow; its tool calls keep their ids. */
	lastAssistant: JsonObject;
	/** May be empty: then only the generation prompt is rendered. */
	appended: readonly JsonObject[];
	tools: readonly JsonValue[] | undefined;
	kwargs: TemplateKwargs;
}

/**
 * Token-in, token-out for one checkpoint and one family. No encode holds the event loop for more than a few milliseconds.
 *
 * Methods throw RollpinError `invalid_messages` / `invalid_request` when the input cannot be rendered
 * (template refusal, unparsable tool-call arguments a template needs parsed, lone surrogates).
 */
export interface Tito {
	readonly family: FamilyTraits;
	/** Renders tools as that schema of the engine's spells them, from the next call on. */
	useToolSchema(version: ToolSchemaVersion): void;
	/** Launch kwargs and pins under the request's. Throws RollpinError `invalid_request` on a pin conflict. */
	effectiveKwargs(request: JsonObject | undefined): TemplateKwargs;
	/** Ids of a first prompt: all messages rendered with the generation prompt. */
	encodePrompt(input: PromptInput): Promise<Int32Array>;
	/** Ids of a first prompt by the checkpoint's own template, whatever the family; null when there is none that can be read. */
	encodeByTemplate(input: PromptInput): Promise<Int32Array | null>;
	/** Ids of the appended messages and the generation prompt only; history is neither rendered nor encoded. */
	encodeSuffix(input: SuffixInput): Promise<Int32Array>;
	/**
	 * How stored tokens ending in `lastTokenId` continue: how many ids to drop from their end, and which to put
	 * before the suffix (for example the newline that the template puts after `<|im_end|>`). With a `finishReason` of
	 * "stop" or "tool_calls", an end that is not the family's (a stop string) is closed first: `closes`.
	 */
	joinBoundary(
		lastTokenId: number | undefined,
		finishReason?: string | null,
	): { trimCount: 0 | 1; insert: readonly number[]; closes?: true };
	/** Text of ids with special tokens kept. */
	decode(ids: Int32Array): Promise<string>;
	/** Texts of several id lists, as `decode` gives each. */
	decodeMany(lists: readonly Int32Array[]): Promise<string[]>;
	/** Ids of a whole conversation without a generation prompt, for comparing with what is stored. */
	encodeConversation(input: PromptInput): Promise<Int32Array>;
	/**
	 * What stands in the prompt between the texts of the parts of one message's content, for messages of that role, with
	 * tool calls or without.
	 */
	partSeparator(role: string, calling: boolean): string;
	/**
	 * Whether another value of this top-level field changes the prompt of a message of that role. `tool_calls[].id` asks
	 * about the ids of an assistant's calls, `tool_calls[].<name>` about any other field that a call or its function may
	 * have beside `name` and `arguments`. Cached; costs the same for every name that a client may make up.
	 */
	shows(role: string, field: string): boolean;
	/** The role as which the prompt format shows a message of that role: `system` for a `developer` that it does not know. */
	shownRole?(role: string): string;
	/** The first text of `messages` that spells a control token, with the message's index; null when none does. */
	controlText?(messages: readonly JsonObject[]): { index: number; token: string } | null;
	/** How stored and rendered ids are compared. */
	readonly segmentation: Segmentation;
	/** The family's own template writes a plain conversation otherwise than the checkpoint's: most often a wrong family. */
	readonly differsFromCheckpoint?: boolean;
	/** Why every text is encoded by the tokenizers library, on the thread pool; null when that is not so. */
	readonly slowTokenizer?: string | null;
	/** Every id of a reply must be below it; padded rows of the output layer count, a model can sample them. */
	readonly vocabSize: number;
}
