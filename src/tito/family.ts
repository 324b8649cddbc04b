// The shape of what a model family says of itself. Values only: no family file runs code but an encoder of its own.
import type { FamilyTraits, PromptInput, SuffixInput } from "./tito.js";
import type { ToolSchemaVersion } from "./tools.js";

/** What happens between stored tokens and appended ones, decided by the last stored id alone. */
type Boundary =
	| { kind: "none" }
	/** After this token the template puts a newline that the engine never sampled. */
	| { kind: "newline"; after: string }
	/** These tokens end a turn and start the next one: the stored one goes. */
	| { kind: "drop"; tokens: readonly string[] };

/** Conversations to prompt text. Methods throw RollpinError `invalid_messages` or `invalid_request`. */
export interface ConversationRenderer {
	/** Text of a whole conversation. */
	prompt(input: PromptInput, addGenerationPrompt?: boolean): string;
	/**
	 * Text of a conversation that is only compared with what is stored: what `prompt` refuses in a message is left out, and
	 * nothing is looked for.
	 */
	comparable(input: PromptInput, addGenerationPrompt?: boolean): string;
	/** As `comparable`, with rests on the way in which others may run. Without it there are none. */
	comparing?(input: PromptInput): Generator<undefined, string, void>;
	/** The role as which a message of that role is shown. */
	shownRole(role: string): string;
	/** Text of the appended messages and the generation prompt, history not rendered. */
	suffix(input: SuffixInput): string;
}

/** The same conversations for an engine that spells tools so. */
export type RendererFor = (version: ToolSchemaVersion) => ConversationRenderer;

/** A prompt format that is published as code. */
export interface ConversationEncoder extends ConversationRenderer {
	/** Every field of a message and of a call that it may look at. */
	readonly fields: readonly string[];
	forToolSchema(version: ToolSchemaVersion): ConversationRenderer;
}

/** Where a family's prompt text comes from. */
type PromptSource =
	| { kind: "checkpoint" }
	/** Replaces the checkpoint's template, which would not keep history as it was sampled. */
	| { kind: "template"; template: string }
	/** A model whose prompt format is published as code, without a template. */
	| { kind: "encoder"; encoder: ConversationEncoder };

export interface Family extends FamilyTraits {
	prompts: PromptSource;
	boundary: Boundary;
	/** What the template puts after an answer, where `boundary` does not say; without it the checkpoint's template is asked. */
	endOfTurn?: readonly string[];
	/** Tokens that count for nothing at the end of a sequence; without it those that `boundary` adds or drops. */
	trailing?: readonly string[];
	/** Which special tokens part segments; without it all. */
	segmentTokens?: { only: readonly string[] } | { except: readonly string[] };
	/** How an assistant's text begins in the template, boundary token included; without it no segment counts as an assistant's. */
	assistantStart?: string;
}
