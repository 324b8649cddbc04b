// What is concluded from what a file says and has: how much of it is stored, or that it is damaged. Pure.
import type { Slot } from "./slots.js";

export interface Findings {
	/** Null: both slots are bad. */
	slot: Slot | null;
	/** False: the other slot is bad, and may have been the newest. */
	intact: boolean;
	/** A frame that a later slot would have committed stands behind the slot's length. */
	laterFrame: boolean;
	/** Of the file. */
	size: number;
	/** What it says of the file that goes on from it can be read. */
	successorIntact: boolean;
	/** It was written under this boot of the machine: what was written is there, flushed or not. */
	sameBoot: boolean;
	/** End of the last frame that is whole, with all before it; `null`: nobody looked, since nothing is in doubt. */
	wholeUpTo: number | null;
	/** A whole frame stands behind one that is not. */
	wholeAfter: boolean;
}

/** `lost`: committed bytes that a loss of power took, at the end. */
export type Verdict = { kind: "stored"; length: number; lost: number } | { kind: "damaged"; why: string };

const damaged = (why: string): Verdict => ({ kind: "damaged", why });

/** Whether the frames after the flushed ones must be looked at, byte for byte. */
export function isInDoubt({ slot, sameBoot }: Pick<Findings, "slot" | "sameBoot">): boolean {
	return slot !== null && !sameBoot && slot.flushed < slot.length;
}

export function conclude(findings: Findings): Verdict {
	const { slot, intact, laterFrame, size, wholeUpTo, wholeAfter } = findings;
	if (slot === null) return damaged("neither of its slots can be read");
	if (!findings.successorIntact) return damaged("what it says of the file after it can't be read");
	if (!intact && laterFrame) return damaged("its newest slot can't be read");
	if (!isInDoubt(findings)) {
		if (size < slot.length) return damaged(`it has ${size} bytes of ${slot.length}`);
		if (wholeUpTo !== null && wholeUpTo < slot.length) return damaged(`the frame at ${wholeUpTo} is damaged`);
		return { kind: "stored", length: slot.length, lost: 0 };
	}
	const whole = wholeUpTo ?? 0;
	if (whole >= slot.length) return { kind: "stored", length: slot.length, lost: 0 };
	if (whole < slot.flushed) return damaged(`the frame at ${whole} is damaged, and was on the medium`);
	if (wholeAfter) return damaged(`the frame at ${whole} is damaged, and a later one is not`);
	return { kind: "stored", length: whole, lost: slot.length - whole };
}
