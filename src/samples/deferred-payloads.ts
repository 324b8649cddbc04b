// Deferred payloads, too large to hold: decoded from base64 while a container is sent. Knows no store.
import { type DeferredPayload, SampleError } from "./sample.js";

/** A tensor's bytes that are still to be read. */
export interface DeferredBytes {
	byteLength: number;
	payloads: readonly DeferredPayload[];
}

export type ContainerPiece = Uint8Array | DeferredBytes;

/** Base64 text of one payload, in pieces; each is used up before the next one is asked for. */
export type StreamPayload = (turn: number, index: number) => AsyncIterable<Uint8Array>;

/** A multiple of 4: base64 pieces decode by themselves. */
const TEXT_BYTES = 256 * 1024;
const SLICE_BYTES = 1024 * 1024;

/**
 * A container's bytes. Decoded pieces stand in two buffers in turn: each is valid until the next but one is asked for.
 * @throws SampleError when a payload is no base64; what was handed on before must not pass for a whole container
 */
export async function* containerBytes(
	pieces: readonly ContainerPiece[],
	stream: StreamPayload,
): AsyncGenerator<Buffer> {
	for (const piece of pieces) {
		if (!(piece instanceof Uint8Array)) {
			for (const payload of piece.payloads) yield* decoded(payload, stream(payload.turn, payload.index));
			continue;
		}
		for (let at = 0; at < piece.byteLength; at += SLICE_BYTES) {
			yield Buffer.from(piece.buffer, piece.byteOffset + at, Math.min(SLICE_BYTES, piece.byteLength - at));
		}
	}
}

async function* decoded(payload: DeferredPayload, text: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
	const buffers = [Buffer.allocUnsafeSlow(TEXT_BYTES), Buffer.allocUnsafeSlow(TEXT_BYTES)];
	let turn = 0;
	let charactersRead = 0;
	let left = payload.byteLength;
	for await (const quads of inQuads(text)) {
		charactersRead += quads.length;
		const isLast = charactersRead === payload.base64Length;
		const buffer = buffers[turn++ % buffers.length] as Buffer;
		const bytes = buffer.write(quads, 0, "base64");
		// A character that is not base64 is skipped by the decoder, and gives fewer bytes.
		if (bytes !== decodedBytes(quads, isLast)) throw notBase64(payload);
		const wanted = Math.min(left, bytes);
		left -= wanted;
		if (wanted > 0) yield buffer.subarray(0, wanted);
	}
	if (left !== 0 || charactersRead !== payload.base64Length) throw notBase64(payload);
}

/**
 * Bytes that the characters decode to when every one of them is a base64 character; NaN when they are not whole groups of
 * four.
 * @param mayBePadded only a payload's last four characters may be
 */
export function decodedBytes(quads: string, mayBePadded: boolean): number {
	if (quads.length % 4 !== 0) return Number.NaN;
	const padding = !mayBePadded ? 0 : quads.endsWith("==") ? 2 : quads.endsWith("=") ? 1 : 0;
	return (quads.length / 4) * 3 - padding;
}

/** The text in pieces of whole groups of four characters, none longer than `TEXT_BYTES`. */
async function* inQuads(text: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
	let carried = "";
	for await (const piece of text) {
		for (let at = 0; at < piece.byteLength; ) {
			const bytes = Math.min(TEXT_BYTES - carried.length, piece.byteLength - at);
			const joined = carried + Buffer.from(piece.buffer, piece.byteOffset + at, bytes).toString("latin1");
			at += bytes;
			const whole = joined.length - (joined.length % 4);
			if (whole > 0) yield joined.slice(0, whole);
			carried = joined.slice(whole);
		}
	}
	if (carried !== "") yield carried;
}

function notBase64({ what }: DeferredPayload): SampleError {
	return new SampleError(`${what} is not base64 of int32 values`);
}
