// Compares stored token ids with a canonical render of the same conversation, segment by segment (docs/tito.md).

export type MismatchType =
	| "special_token_count"
	| "special_token_type"
	| "assistant_text"
	| "non_assistant_text";

/** As it stands in a read's `tito_session_mismatch`. */
export interface Mismatch {
	type: MismatchType;
	/** -1 when the whole is meant. */
	segment_index: number;
	expected_text: string;
	actual_text: string;
	/** "" when unused. */
	detail: string;
}

/** What a family and a tokenizer say of segments. */
export interface Segmentation {
	/** Ids that are segments of their own. */
	boundaries: ReadonlySet<number>;
	/** Ids that count for nothing at the end of a sequence. */
	trailing: ReadonlySet<number>;
	/** How an assistant's text begins, boundary included; null: no segment counts as the assistant's. */
	assistantStart: string | null;
}

interface Segment {
	boundary: boolean;
	ids: Int32Array;
}

type Decode = (lists: readonly Int32Array[]) => Promise<string[]>;

/** Ids after a boundary that may belong to the assistant start text. */
const START_IDS = 20;

/** Every difference; an empty list when stored and rendered ids say the same. */
export async function findMismatches(
	expected: Int32Array,
	actual: Int32Array,
	segmentation: Segmentation,
	decode: Decode,
): Promise<Mismatch[]> {
	const wanted = segments(withoutTail(expected, segmentation.trailing), segmentation.boundaries);
	const found = segments(withoutTail(actual, segmentation.trailing), segmentation.boundaries);
	const detail = structureDifference(wanted, found);
	if (detail !== null) {
		const expected_text = await summary(wanted, decode);
		const actual_text = await summary(found, decode);
		return [{ type: "special_token_count", segment_index: -1, expected_text, actual_text, detail }];
	}
	const mismatches: Mismatch[] = [];
	for (const [index, segment] of wanted.entries()) {
		const other = found[index];
		if (other === undefined || sameIds(segment.ids, other.ids)) continue;
		const [expected_text = "", actual_text = ""] = await decode([segment.ids, other.ids]);
		// Other ids may spell the same text; only a text that differs is a mismatch.
		if (!segment.boundary && expected_text === actual_text) continue;
		const assistant = async (all: readonly Segment[]) =>
			isAssistant(all[index - 1], all[index], segmentation.assistantStart, decode);
		const type = segment.boundary
			? "special_token_type"
			: (await assistant(wanted)) && (await assistant(found))
				? "assistant_text"
				: "non_assistant_text";
		mismatches.push({ type, segment_index: index, expected_text, actual_text, detail: "" });
	}
	return mismatches;
}

function withoutTail(ids: Int32Array, trailing: ReadonlySet<number>): Int32Array {
	let end = ids.length;
	while (end > 0 && trailing.has(ids[end - 1] as number)) end--;
	return ids.subarray(0, end);
}

function segments(ids: Int32Array, boundaries: ReadonlySet<number>): Segment[] {
	// Special tokens have neighbouring ids, beyond nearly all others: two comparisons spare nearly every look-up.
	let least = Number.POSITIVE_INFINITY;
	let largest = -1;
	for (const id of boundaries) {
		least = Math.min(least, id);
		largest = Math.max(largest, id);
	}
	const found: Segment[] = [];
	let from = 0;
	for (let at = 0; at < ids.length; at++) {
		const id = ids[at] as number;
		if (id < least || id > largest || !boundaries.has(id)) continue;
		if (at > from) found.push({ boundary: false, ids: ids.subarray(from, at) });
		found.push({ boundary: true, ids: ids.subarray(at, at + 1) });
		from = at + 1;
	}
	if (from < ids.length) found.push({ boundary: false, ids: ids.subarray(from) });
	return found;
}

function structureDifference(wanted: readonly Segment[], found: readonly Segment[]): string | null {
	if (wanted.length !== found.length) {
		return `segment count differs: expected ${wanted.length}, got ${found.length}`;
	}
	const at = wanted.findIndex((segment, index) => segment.boundary !== found[index]?.boundary);
	return at === -1 ? null : `segment pattern differs: first at segment ${at}`;
}

/** Such as `[<|im_start|>] (6 tokens) [<|im_end|>]`. */
async function summary(all: readonly Segment[], decode: Decode): Promise<string> {
	const special = all.filter(({ boundary }) => boundary).map(({ ids }) => ids);
	const texts = await decode(special);
	let next = 0;
	return all
		.map(({ boundary, ids }) => (boundary ? `[${texts[next++]}]` : `(${ids.length} tokens)`))
		.join(" ");
}

async function isAssistant(
	before: Segment | undefined,
	segment: Segment | undefined,
	start: string | null,
	decode: Decode,
): Promise<boolean> {
	if (start === null || before?.boundary !== true || segment === undefined || segment.boundary) return false;
	const texts = await decode([before.ids, segment.ids.subarray(0, START_IDS)]);
	return texts.join("").startsWith(start);
}

function sameIds(a: Int32Array, b: Int32Array): boolean {
	if (a.length !== b.length) return false;
	for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false;
	return true;
}
