// The bytes of one session in each format of `rollpin export`. Uses what the routes use, so that both say the same.
import type { Launch } from "../data-dir/launch.js";
import type { ReadContext } from "../reads/read-context.js";
import { type PayloadChoice, planRead, recordChunks, supersededChunks } from "../reads/records.js";
import { gatherJob, jobReads } from "../reads/samples-job.js";
import { sessionChunks } from "../reads/session-json.js";
import { SampleAssembler } from "../samples/assembler.js";
import { containerBytes } from "../samples/deferred-payloads.js";
import type { ReadableStore } from "../store/store.js";
import type { Produce } from "./session-export.js";

/** `records`: the JSON of GET; `samples`: the container of POST samples; `jsonl`: one record a line. */
export type ExportFormat = "records" | "samples" | "jsonl";

export interface RecordChoice {
	payloads: PayloadChoice;
	/** Turns that a retry replaced come too. */
	superseded: boolean;
}

/** As the JSON of GET, for a session without a chat in flight. */
export function recordsFormat(context: ReadContext, choice: RecordChoice): Produce {
	return (session) => sessionChunks(context, session, choice);
}

/** Needs no tokenizer: records are stored as they are read. */
export function linesFormat(store: ReadableStore, { payloads, superseded }: RecordChoice): Produce {
	return async function* lines(session) {
		const id = JSON.stringify(session.meta.id);
		const opening = {
			first: Buffer.from(`{"session_id":${id},`),
			following: Buffer.from(`\n{"session_id":${id},`),
		};
		let any = false;
		const plan = await planRead(session);
		for await (const chunk of recordChunks(store, plan, { payloads, opening })) {
			any = true;
			yield chunk === opening.following ? chunk : withoutBreaks(chunk);
		}
		if (superseded) {
			const superseding = { ...opening, first: any ? opening.following : opening.first };
			for await (const chunk of supersededChunks(store, plan, { payloads, opening: superseding })) {
				any = true;
				yield chunk === opening.following ? chunk : withoutBreaks(chunk);
			}
		}
		if (any) yield Buffer.from("\n");
	};
}

/**
 * Close the assembler after the last session.
 * @param maxSeqLen in tokens; null for no limit
 */
export function samplesFormat(
	context: ReadContext,
	{ samplePicker: picker, samplePostprocessor: postprocessor, samplesWire: wire }: Launch,
	maxSeqLen: number | null,
): { produce: Produce; assembler: SampleAssembler } {
	const assembler = new SampleAssembler({ picker, postprocessor });
	const produce: Produce = async function* samples(session) {
		const { pieces, reads } = await assembler.assemble(async () => {
			const input = await gatherJob(context, session, { maxSeqLen, agentJson: null, wire });
			return { input, reads: jobReads(context, session, input) };
		});
		yield* containerBytes(pieces, reads.payload);
	};
	return { produce, assembler };
}

/** A raw line break in JSON is white space: inside a string it can't stand. */
function withoutBreaks(chunk: Buffer): Buffer {
	if (!chunk.includes(0x0a) && !chunk.includes(0x0d)) return chunk;
	return chunk.map((byte) => (byte === 0x0a || byte === 0x0d ? 0x20 : byte)) as Buffer;
}
