// POST samples: reads a session without holding its lock, has the samples made off the event loop, streams them.
import type { IncomingMessage, ServerResponse } from "node:http";
import type { SessionId } from "../base/ids.js";
import { gatherJob, jobReads } from "../reads/samples-job.js";
import { containerBytes } from "../samples/deferred-payloads.js";
import { SampleError } from "../samples/sample.js";
import { ClientGone } from "./client-gone.js";
import type { WorkerContext } from "./context.js";
import { readBody, requireJson } from "./read-body.js";
import { sendWritten } from "./respond.js";
import { parseSamplesBody } from "./samples-body.js";

/** It carries a limit and what an agent says of its run. */
const MAX_BODY_BYTES = 16 * 1024 * 1024;

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
		requireJson(request, bytes);
		const body = parseSamplesBody(bytes, config.limits.maxJsonDepth, config.samplesWire);
		const { pieces, reads } = await context.assembler.assemble(async () => {
			if (response.destroyed) throw new ClientGone();
			session.refuseWhenClosing();
			const input = await gatherJob(context.reads, session, body);
			return { input, reads: jobReads(context.reads, session, input) };
		});
		response.statusCode = 200;
		response.setHeader("content-type", "application/octet-stream");
		response.setHeader(
			"content-length",
			pieces.reduce((sum, piece) => sum + piece.byteLength, 0),
		);
		await sendWritten(response, containerBytes(pieces, reads.payload));
	} catch (error) {
		// Once the answer has begun it can only be cut.
		if (!(error instanceof SampleError) || response.headersSent) throw error;
		// Not JSON: trainers read the reason as text (docs/samples.md).
		response.statusCode = 422;
		response.setHeader("content-type", "text/plain; charset=utf-8");
		response.setHeader("content-length", Buffer.byteLength(error.message));
		response.end(error.message);
	} finally {
		done();
	}
}
