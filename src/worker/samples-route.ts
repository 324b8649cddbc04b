// POST samples: reads a session without holding its lock, has the samples made off the event loop, streams them.
import type { IncomingMessage, ServerResponse } from "node:http";
import type { SessionId } from "../base/ids.js";
import { SampleError } from "../samples/sample.js";
import { ClientGone } from "./client-gone.js";
import type { WorkerContext } from "./context.js";
import { readBody } from "./read-body.js";
import { sendPieces } from "./respond.js";
import { parseSamplesBody } from "./samples-body.js";
import { gatherJob, jobReads } from "./samples-job.js";

/** It carries a limit and what an agent says of its run. */
const MAX_BODY_BYTES = 16 * 1024 * 1024;

const SLICE_BYTES = 1024 * 1024;

export async function collectSamples(
	context: WorkerContext,
	id: SessionId,
	request: IncomingMessage,
	response: ServerResponse,
): Promise<void> {
	const { config, registry } = context;
	const session = await registry.get(id);
	const done = registry.use(session);
	try {
		const bytes = await readBody(request, Math.min(MAX_BODY_BYTES, config.limits.maxBodyBytes), () => {});
		const body = parseSamplesBody(bytes, config.limits.maxJsonDepth);
		const pieces = await context.assembler.assemble(async () => {
			if (response.destroyed) throw new ClientGone();
			session.refuseWhenClosing();
			const input = await gatherJob(context, session, body);
			return { input, reads: jobReads(context, session, input) };
		});
		response.statusCode = 200;
		response.setHeader("content-type", "application/octet-stream");
		response.setHeader(
			"content-length",
			pieces.reduce((sum, piece) => sum + piece.byteLength, 0),
		);
		await sendPieces(response, slices(pieces));
	} catch (error) {
		if (!(error instanceof SampleError)) throw error;
		// Not JSON: trainers read the reason as text (reference section 13.2).
		response.statusCode = 422;
		response.setHeader("content-type", "text/plain; charset=utf-8");
		response.setHeader("content-length", Buffer.byteLength(error.message));
		response.end(error.message);
	} finally {
		done();
	}
}

/** Views of at most a MiB: a socket that cannot keep up stops us between two of them. */
function* slices(pieces: readonly Uint8Array[]): Generator<Buffer> {
	for (const { buffer, byteLength, byteOffset } of pieces) {
		for (let at = 0; at < byteLength; at += SLICE_BYTES) {
			yield Buffer.from(buffer, byteOffset + at, Math.min(SLICE_BYTES, byteLength - at));
		}
	}
}
