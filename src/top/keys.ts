// What keys do to what top shows. Pure.
import type { Choice } from "./view.js";

const PAGE_OF_WORKERS = 10;

type Key = (choice: Choice) => Choice;

const select =
	(by: number): Key =>
	(choice) => ({ ...choice, selected: Math.max(0, choice.selected + by) });
const turn =
	(by: number): Key =>
	(choice) => ({ ...choice, page: choice.page + by });

const KEYS: Readonly<Record<string, Key>> = {
	"\x1b[A": select(-1),
	k: select(-1),
	"\x1b[B": select(1),
	j: select(1),
	"\x1b[5~": select(-PAGE_OF_WORKERS),
	"\x1b[6~": select(PAGE_OF_WORKERS),
	"\x1b[H": (choice) => ({ ...choice, selected: 0 }),
	g: (choice) => ({ ...choice, selected: 0 }),
	"\x1b[F": (choice) => ({ ...choice, selected: Number.MAX_SAFE_INTEGER }),
	G: (choice) => ({ ...choice, selected: Number.MAX_SAFE_INTEGER }),
	"\t": turn(1),
	"\x1b[C": turn(1),
	"\x1b[Z": turn(-1),
	"\x1b[D": turn(-1),
	"\r": (choice) => ({ ...choice, detail: !choice.detail }),
};

/** A terminal's bytes as single keys: arrows and their like are several characters. */
const KEY =
	// biome-ignore lint/suspicious/noControlCharactersInRegex: terminals send them
	/\x1b\[[0-9;]*[A-Za-z~]|\x1bO[A-Z]|[\s\S]/g;

/** @returns `quit` for q and Ctrl-C */
export function afterKeys(choice: Choice, bytes: string): Choice | "quit" {
	let after = choice;
	for (const [key] of bytes.matchAll(KEY)) {
		if (key === "q" || key === "\x03") return "quit";
		after = KEYS[key.replace("\x1bO", "\x1b[")]?.(after) ?? after;
	}
	return after;
}
