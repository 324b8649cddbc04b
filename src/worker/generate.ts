// Connects a session to the engine: the client's bytes with our fields spliced in go out, a validated turn comes back.
import type { IncomingMessage } from "node:http";
import { RollpinError } from "../base/errors.js";
import type { RequestId } from "../base/ids.js";
import { randomHex } from "../base/random-hex.js";
import type { EngineRefusal, Generation } from "../engine/engine.js";
import { upstreamHeaders } from "../engine/http/headers.js";
import type { Session } from "../session/life/session.js";
import type { Generate, GeneratedReply } from "../session/turn/generation.js";
import type { ChatBody } from "../wire/chat-body.js";
import type { WorkerContext } from "./context.js";
import { outcomeOfError, outcomeOfStatus } from "./engine-tally.js";
import type { WorkerEngine } from "./engines.js";

export type EngineTurn = Generation & GeneratedReply;
export type RefusedTurn = EngineRefusal;

export type GenerateContext = Pick<WorkerContext, "config" | "engines" | "logger" | "metrics" | "tito">;

export interface ChatVia {
	parsed: ChatBody;
	/** The client's query string with its question mark, or empty. */
	query: string;
	request: IncomingMessage;
	reqId: RequestId;
	/** Told of the engine's bytes as they arrive. */
	onReplyBytes: (bytes: number) => void;
}

/** The `Generate` of one chat request. */
export function generateThrough(
	context: GenerateContext,
	session: Session,
	engine: WorkerEngine,
	via: ChatVia,
): Generate<EngineTurn, RefusedTurn> {
	return async (prompt, signal, stored) => {
		const { config, metrics } = context;
		const routedExpertsStartLen = config.r3 === "incremental" ? prompt.heldRows : null;
		// Fresh for each attempt; unguessable, and of one length: engines abort by the beginning of an id.
		const attemptId = randomHex(16);
		const sent = engine.client.dialect.request(via.parsed.body, via.parsed.scan, {
			inputIds: prompt.text,
			kwargs: prompt.kwargs,
			overridesJson: session.meta.overridesJson,
			r3: config.r3,
			routedExpertsStartLen,
			samplingReplay: config.samplingReplay,
			servedModel: config.servedModel,
			attemptId,
		});
		const headers = upstreamHeaders(via.request.rawHeaders, {
			routingKey: session.meta.id,
			forwardAuthorization: config.forwardAuthorization,
		});
		const startedMs = performance.now();
		try {
			const result = await engine.client.chat({
				chunks: sent.chunks,
				byteLength: sent.byteLength,
				attemptId,
				headers,
				query: via.query,
				inputIdsText: prompt.text,
				inputIdsCount: prompt.length,
				vocabSize: context.tito.vocabSize,
				signal,
				onReplyBytes: via.onReplyBytes,
				knownPayloads: stored,
			});
			metrics.engine_seconds.observe((performance.now() - startedMs) / 1000);
			if (result.kind === "refused") {
				engine.tally.count(metrics, outcomeOfStatus(result.refusal.status));
				return { kind: "refused", refusal: result.refusal };
			}
			engine.tally.count(metrics, "ok");
			return {
				kind: "generated",
				generation: result.generation,
				sent: { ...sent.record, routedExpertsStartLen },
				readMs: result.generation.validateMs,
			};
		} catch (error) {
			engine.tally.count(metrics, outcomeOfError(error));
			logTransportError(context, engine, via.reqId, error);
			throw error;
		}
	};
}

function logTransportError(
	context: GenerateContext,
	engine: WorkerEngine,
	reqId: RequestId,
	error: unknown,
): void {
	if (!(error instanceof RollpinError) || !error.code.startsWith("upstream_")) return;
	// Who answers next may be another engine.
	if (error.code === "upstream_unreachable") engine.gate?.forget();
	// Nothing was sent; the breaker has its own records.
	if (error.code === "upstream_breaker_open") return;
	const { elapsedMs, transportCode } = error.details ?? {};
	context.logger.event("proxy_transport_error", {
		req_id: reqId,
		url: engine.client.url,
		elapsed_ms: typeof elapsedMs === "number" ? elapsedMs : 0,
		code: typeof transportCode === "string" ? transportCode : error.code,
	});
}
