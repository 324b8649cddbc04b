// Looks at a file as far as its state must be known, and says how much of it is stored. Writes nothing.
import { frameAt, type Stretches, walkInDoubt } from "./frame-walk.js";
import type { Medium } from "./medium.js";
import { FRAMES_AT, newestSlot, type Slot } from "./slots.js";
import type { Steps } from "./steps.js";
import { decodeSuccessor, type Successor } from "./successor.js";
import { conclude, isInDoubt, type Verdict } from "./verdict.js";

type Judgement = { successor: Successor | null } & (
	| { slot: Slot; verdict: Verdict }
	| { slot: null; verdict: Verdict & { kind: "damaged" } }
);

/** @param bytes the file's first ones, up to its frames @param bootTag of this boot; 0: not known */
export function* judge(
	medium: Medium,
	fd: number,
	stretches: Stretches,
	bytes: Buffer,
	seed: number,
	bootTag: number,
): Steps<Judgement> {
	const choice = newestSlot(bytes, seed);
	const slot = choice?.slot ?? null;
	const size = stretches.knownSize ?? (yield* medium.stat(fd)).size;
	const sameBoot = slot !== null && bootTag !== 0 && slot.bootTag === bootTag;
	const later = choice?.intact === false ? yield* frameAt(stretches, choice.slot.length, seed) : null;
	const walk =
		slot !== null && isInDoubt({ slot, sameBoot })
			? yield* walkInDoubt(medium, fd, FRAMES_AT, slot.length, seed)
			: { wholeUpTo: null, wholeAfter: false };
	const found = decodeSuccessor(bytes, seed);
	const successor = found === "damaged" ? null : found;
	const verdict = conclude({
		slot,
		intact: choice?.intact ?? false,
		laterFrame: later !== null && later.header.sequence > (slot?.sequence ?? 0),
		size,
		successorIntact: found !== "damaged",
		sameBoot,
		...walk,
	});
	if (slot !== null) return { slot, verdict, successor };
	return {
		slot,
		successor,
		verdict: { kind: "damaged", why: verdict.kind === "damaged" ? verdict.why : "" },
	};
}
