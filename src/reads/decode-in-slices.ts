// Texts of many id lists, a few at a time: what is handed to the tokenizer and taken back is copied on the event loop.
import { background } from "../base/pace.js";
import type { Tito } from "../tito/tito.js";

/** Ids handed over at once, unless one list alone has more; about a millisecond. */
const IDS_AT_ONCE = 8 * 1024;

/** As `Tito.decodeMany`. */
export async function decodeInSlices(tito: Tito, lists: readonly Int32Array[]): Promise<string[]> {
	const texts: string[] = [];
	for (let from = 0; from < lists.length; ) {
		let to = from;
		// A list costs something even when it has one id.
		for (let ids = 0; to < lists.length && ids < IDS_AT_ONCE; to++)
			ids += (lists[to] as Int32Array).length + 8;
		if (background.isOver) await background.breathe();
		for (const text of await tito.decodeMany(lists.slice(from, to))) texts.push(text);
		from = to;
	}
	return texts;
}
