// The shape of what a model family says of itself. Facts only: no family runs code.
import type { FamilyFacts } from "./tito.js";

/** What happens between stored tokens and appended ones, decided by the last stored id alone. */
type Boundary =
	| { kind: "none" }
	/** Behind this token the template puts a newline that the engine never sampled. */
	| { kind: "newline"; after: string }
	/** These tokens end a turn and start the next one: the stored one goes. */
	| { kind: "drop"; tokens: readonly string[] };

export interface Family extends FamilyFacts {
	/** Replaces the checkpoint's template, which would not keep history as it was sampled; null for the checkpoint's own. */
	fixedTemplate: string | null;
	boundary: Boundary;
	/** How an assistant's text begins in the template, boundary token included; without it none is told apart. */
	assistantStart?: string;
}
