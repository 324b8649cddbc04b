// The ops of a session's frame as JSON text. Pure; what it writes it reads, and nothing of other formats.
import type { TurnId } from "../../base/ids.js";
import type { Obligation, PartName, SessionMeta, TurnHeader } from "../store.js";
import type { AppendedPart, FrameOp, SessionRecord, TextsPlace } from "./image.js";
import { recordFrom } from "./metas.js";

/** Texts of a client up to this length are written down with every record; longer ones are named by their frame. */
const SMALL_TEXT = 512;

type StoredPart = [
	name: PartName,
	length: number,
	stored: number,
	base: StoredBase | 0,
	lent: number,
	dropped: 0 | 1,
];
type StoredBase = [turn: TurnId, part: PartName, length: number];
type StoredOp =
	| {
			o: "record";
			meta: Omit<SessionMeta, "metadataJson" | "overridesJson">;
			texts?: [string | null, string | null];
			textsAt?: TextsPlace;
			owed?: Obligation[];
	  }
	| { o: "turn"; header: TurnHeader; parts: StoredPart[] }
	| { o: "header"; header: TurnHeader }
	| { o: "drop_part"; turn: TurnId; part: PartName }
	| { o: "drop_turn"; turn: TurnId };

/** The text of ops. @param textsAt where the session's texts stand already; null: nowhere */
export function encodeOps(ops: readonly FrameOp[], textsAt: TextsPlace | null): string {
	let text = "[";
	for (const op of ops) text += `${text === "[" ? "" : ","}${encodeOp(op, textsAt)}`;
	return `${text}]`;
}

/** Whether a record's texts are too long to be written down with every record. */
export function hasLongTexts({ metadataJson, overridesJson }: SessionRecord): boolean {
	return (metadataJson?.length ?? 0) + (overridesJson?.length ?? 0) > SMALL_TEXT;
}

function encodeOp(op: FrameOp, textsAt: TextsPlace | null): string {
	switch (op.op) {
		case "record": {
			const { metaText, metadataJson, overridesJson, owed } = op.record;
			let text = `{"o":"record","meta":${metaText}`;
			if (metadataJson !== null || overridesJson !== null) {
				text +=
					textsAt === null
						? `,"texts":${JSON.stringify([metadataJson, overridesJson])}`
						: `,"textsAt":${JSON.stringify(textsAt)}`;
			}
			if (owed.size > 0) text += `,"owed":${JSON.stringify([...owed.values()])}`;
			return `${text}}`;
		}
		case "turn":
			return `{"o":"turn","header":${op.headerText},"parts":${JSON.stringify(op.parts.map(storedPart))}}`;
		case "header":
			return `{"o":"header","header":${op.headerText}}`;
		default:
			return JSON.stringify({ o: op.op, turn: op.turn, ...(op.op === "drop_part" ? { part: op.part } : {}) });
	}
}

function storedPart({ name, length, stored, base, lent, dropped }: AppendedPart): StoredPart {
	return [
		name,
		length,
		stored,
		base === undefined ? 0 : [base.turn, base.part, base.length],
		lent ?? 0,
		dropped ? 1 : 0,
	];
}

/** `textsAt`: the frame that has the record's texts, if it is another one. */
export function decodeOps(text: string): { ops: FrameOp[]; textsAt: TextsPlace | null } {
	let textsAt: TextsPlace | null = null;
	const ops = (JSON.parse(text) as StoredOp[]).map((op): FrameOp => {
		if (op.o === "record") textsAt = op.textsAt ?? null;
		return decodeOp(op);
	});
	return { ops, textsAt };
}

/** What a frame's record says, without the work that an image needs. */
export interface RecordText {
	meta: Omit<SessionMeta, "metadataJson" | "overridesJson">;
	/** Null: they stand at `textsAt`, or there are none. */
	texts: readonly [metadataJson: string | null, overridesJson: string | null] | null;
	textsAt: TextsPlace | null;
	owed: readonly Obligation[];
}

/** Null when the frame has no record. */
export function recordIn(text: string): RecordText | null {
	for (const op of JSON.parse(text) as StoredOp[]) {
		if (op.o !== "record") continue;
		return { meta: op.meta, texts: op.texts ?? null, textsAt: op.textsAt ?? null, owed: op.owed ?? [] };
	}
	return null;
}

function decodeOp(op: StoredOp): FrameOp {
	switch (op.o) {
		case "record": {
			const [metadataJson, overridesJson] = op.texts ?? [null, null];
			const owed = new Map((op.owed ?? []).map((obligation) => [obligation.resource, obligation]));
			return { op: "record", record: recordFrom(op.meta, metadataJson, overridesJson, owed) };
		}
		case "turn": {
			const parts = op.parts.map(([name, length, stored, base, lent, dropped]): AppendedPart => {
				const [turn, part, shared] = base === 0 ? [] : base;
				return {
					name,
					length,
					stored,
					...(turn === undefined || part === undefined || shared === undefined
						? {}
						: { base: { turn, part, length: shared } }),
					...(lent === 0 ? {} : { lent }),
					...(dropped === 0 ? {} : { dropped: true }),
				};
			});
			return { op: "turn", turn: op.header.id, headerText: JSON.stringify(op.header), parts };
		}
		case "header":
			return { op: "header", turn: op.header.id, headerText: JSON.stringify(op.header) };
		case "drop_part":
			return { op: "drop_part", turn: op.turn, part: op.part };
		case "drop_turn":
			return { op: "drop_turn", turn: op.turn };
	}
}

/** The parts of a frame, in the order of their bytes: of what lengths. */
export function partLengths(ops: readonly FrameOp[]): number[] {
	return ops.flatMap((op) => (op.op === "turn" ? op.parts.map(({ stored }) => stored) : []));
}
