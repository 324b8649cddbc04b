// The bytes of one session in each format of `rollpin export`. Uses what the routes use, so that both say the same.
import { ownerOf, partitionOf } from "../base/partitions.js";
import type { Launch } from "../data-dir/launch.js";
import { type PayloadChoice, planRead, recordPieces, supersededPieces } from "../reads/records.js";
import { gatherJob, jobReads } from "../reads/samples-job.js";
import { sessionPieces } from "../reads/session-json.js";
import { SampleAssembler } from "../samples/assembler.js";
import { containerBytes } from "../samples/later.js";
import { readNumLayers } from "../samples/model-layers.js";
import type { Store } from "../store/store.js";
import type { Tito } from "../tito/tito.js";
import { emptyCounters } from "../worker/context.js";
import type { Produce } from "./session-export.js";

/** `records`: the JSON of GET; `samples`: the container of POST samples; `jsonl`: one record a line. */
export type ExportFormat = "records" | "samples" | "jsonl";

export interface LineParts {
	store: Store;
	payloads: PayloadChoice;
	/** Tokens; null for no limit. */
	maxSeqLen: number | null;
	/** Turns that a retry took the place of come too; records and jsonl. */
	superseded: boolean;
}

export interface FormatParts extends LineParts {
	launch: Launch;
}

/** As the JSON of GET, for a session without a chat in flight. */
export function recordsFormat({ store, launch, payloads, superseded }: FormatParts, tito: Tito): Produce {
	return (session) => {
		const index = ownerOf(partitionOf(session.meta.id), launch.backends);
		const counters = emptyCounters();
		return sessionPieces(
			{ config: launch, counters, index, store, tito },
			session,
			payloads,
			undefined,
			superseded,
		);
	};
}

/** Needs no tokenizer: records are stored as they are read. */
export function linesFormat({ store, payloads, superseded }: LineParts): Produce {
	return async function* lines(session) {
		const id = JSON.stringify(session.meta.id);
		const opening = {
			first: Buffer.from(`{"session_id":${id},`),
			later: Buffer.from(`\n{"session_id":${id},`),
		};
		let any = false;
		const plan = await planRead(session);
		for await (const piece of recordPieces(store, plan, payloads, () => undefined, { opening })) {
			any = true;
			yield piece === opening.later ? piece : withoutBreaks(piece);
		}
		if (superseded) {
			const following = { first: any ? opening.later : opening.first, later: opening.later };
			for await (const piece of supersededPieces(store, plan, payloads, { opening: following })) {
				any = true;
				yield piece === opening.later ? piece : withoutBreaks(piece);
			}
		}
		if (any) yield Buffer.from("\n");
	};
}

/** Close the assembler behind the last session. */
export function samplesFormat(
	{ store, launch, maxSeqLen }: FormatParts,
	tito: Tito,
): { produce: Produce; assembler: SampleAssembler } {
	const { samplePicker: picker, samplePostprocessor: postprocessor } = launch;
	const assembler = new SampleAssembler({ picker, postprocessor });
	const numLayers = readNumLayers(launch.checkpointDir);
	const context = {
		config: launch,
		counters: emptyCounters(),
		numLayers,
		store,
		tito,
	};
	const produce: Produce = async function* samples(session) {
		const { pieces, reads } = await assembler.assemble(async () => {
			const input = await gatherJob(context, session, {
				maxSeqLen,
				agentJson: null,
				wire: launch.samplesWire,
			});
			return { input, reads: jobReads(context, session, input) };
		});
		yield* containerBytes(pieces, reads.payload);
	};
	return { produce, assembler };
}

/** A raw line break in JSON is white space: inside a string it can't stand. */
function withoutBreaks(piece: Buffer): Buffer {
	if (!piece.includes(0x0a) && !piece.includes(0x0d)) return piece;
	return piece.map((byte) => (byte === 0x0a || byte === 0x0d ? 0x20 : byte)) as Buffer;
}
