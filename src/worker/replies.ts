// What goes back to the client: the engine's bytes minus the replay payloads, or their streamed form. Pure but for reads.

import type { EnginePrompt } from "../session/generation.js";
import type { Session } from "../session/session.js";
import type { Store, TurnHeader } from "../store/store.js";
import type { EngineTurn } from "./generate.js";
import { SSE_HEADERS, sseBody } from "./sse.js";

export interface WireReply {
	status: number;
	headers: ReadonlyArray<readonly [string, string]>;
	pieces: readonly Buffer[];
	byteLength: number;
}
