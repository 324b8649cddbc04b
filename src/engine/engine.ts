// What the rest of the program knows of an engine: one dialect is one kind of engine, and everything special about that kind
// stands behind this interface. Values and pure functions, but for the questions, which are asked over connections of their own.
import type { Excerpt } from "../base/excerpt.js";
import type { ObjectScan } from "../json/scan.js";
import type { JsonObject, JsonValue } from "../json/value.js";
import type { ScannedReply } from "./scan/reply-scanner.js";
import type { SiteTable } from "./scan/sites.js";

/** One kind of engine. docs/engines.md tells what a second one must give. */
export interface EngineDialect {
	/** As it is named in logs. */
	readonly name: string;
	/** Where chats go, below the base URL. */
	readonly chatPath: string;
	/** What to look for in a chat's reply. */
	readonly sites: SiteTable;
	/**
	 * What is sent for a client's chat.
	 * @param scan of `body`; must have a `messages` list
	 */
	request(body: Buffer, scan: ObjectScan, turn: TurnRequest): EngineRequest;
	/**
	 * Checks a whole reply of status 200, and reads choice 0.
	 * @throws RollpinError `upstream_invalid` naming the first rule that is broken; `upstream_rendered_itself` when the
	 *   engine does not show that it used the ids that were sent
	 */
	readReply(scanned: ScannedReply, expected: ReplyExpectation): ReadReply;
	/** What is POSTed to tell the engine that nobody wants a chat any more. */
	abortRequest(attemptId: string): { path: string; body: string };
	/** What answers at this address. Never throws; bounded in time. @param url base URL; a path in it stays in front */
	identify(url: string): Promise<EngineIdentity>;
	/** The name it has for its model; gateways route by it. Never throws; ends with `signal`. */
	modelName(url: string, signal: AbortSignal): Promise<string>;
	/** The ids that the engine makes of messages by itself. Never throws; ends with `signal`. */
	ownPrompt(asked: OwnPromptRequest): Promise<OwnPrompt>;
	/** Its logprobs of given ids. Never throws; ends with `signal`. @param ids decimal, comma-separated, at least one */
	score(url: string, ids: string, signal: AbortSignal): Promise<Scores>;
}

/** What a turn asks of the engine beside what stands in the client's body. */
export interface TurnRequest {
	/** Decimal ids, comma-separated, in pieces. */
	inputIds: readonly Buffer[];
	/** Effective template kwargs; when empty the field is left out. */
	kwargs: JsonObject;
	/** The session's pinned sampling fields, JSON text of an object, or null. */
	overridesJson: string | null;
	r3: "off" | "full" | "incremental";
	/** Rows already held (`--r3 incremental`), or null. */
	routedExpertsStartLen: number | null;
	/** Ask for the support that each token was sampled from (`--sampling-replay`). */
	samplingReplay: boolean;
	/** Name that the engine serves the model under (`--served-model`); null leaves the client's. */
	servedModel: string | null;
	/** The engine's name for this very attempt: it can be aborted by it. */
	attemptId: string;
}

export interface EngineRequest {
	/** The body, in order. */
	chunks: Buffer[];
	byteLength: number;
	/**
	 * The same bytes without what names only the attempt, and without the contents of `messages` and of the input ids;
	 * `holes` are the offsets at which those belong.
	 */
	record: { bytes: Buffer[]; holes: { messages: number; inputIds: number } };
}

export interface ReplyExpectation {
	/** Every sampled id must be below it. */
	vocabSize: number;
	/** The ids that were sent, as comma-separated decimals in pieces; the engine must have seen the same. */
	inputIdsText: readonly Buffer[];
	/** How many they are. */
	inputIdsCount: number;
}

/** What answers at an engine's address, by its own words. */
export type EngineIdentity =
	| {
			kind: "answered";
			/** For the log: the kind of engine or gateway, `unknown` when it does not say. */
			engine: string;
			release: string | null;
			/** For people. */
			name: string;
			/** How this release spells tools (`ToolSchemaVersion` of tito/tools.ts); null when nobody can tell. */
			toolSchema: 1 | 2 | 3 | null;
			/** Why it cannot be used whatever the settings, as one sentence without the address; null when it can. */
			unfit: string | null;
	  }
	/** Nobody answered; a code of the system, or `TIMEOUT`. */
	| { kind: "unreachable"; code: string };

export interface OwnPromptRequest {
	/** Base URL. */
	url: string;
	model: string;
	messages: readonly JsonObject[];
	tools: readonly JsonValue[] | undefined;
	/** The same in what a chat carries, which may pass a gateway. */
	chatTools: readonly JsonValue[] | undefined;
	toolChoice: JsonValue | null;
	kwargs: JsonObject;
	signal: AbortSignal;
}

export type OwnPrompt =
	/** `chat`: by a chat of one token, asked with `chatTools`. */
	| { kind: "ids"; ids: number[]; by: "tokenize" | "chat" }
	/** It answered, but not with ids. */
	| { kind: "refused"; reason: string }
	| { kind: "unreachable"; reason: string };

/** One of each for every id, as the engine spelled them; or why there are none. */
export type Scores = { ids: unknown[]; logprobs: unknown[] } | { error: string };

/** Choice 0 of a reply that passed every check. */
export interface ReadReply {
	/** The reply without its excerpts. */
	reply: Buffer;
	excerpts: readonly Excerpt[];
	/** Gives the memory of the payloads' bytes back, once nobody uses them. The prompt ids stay. */
	giveBack: () => void;
	/** Choice 0's message: its byte range in `reply`, and its value. */
	messageRange: { start: number; end: number };
	message: JsonObject;
	finishReason: string | null;
	completionIds: Int32Array;
	logprobs: Float64Array;
	responseId: string;
}

/** A reply of status 200 that passed every check. */
export interface Generation extends ReadReply {
	/** Engine's content-type and the other headers that may reach the client, lower-case names. */
	headers: ReadonlyArray<readonly [string, string]>;
	/** Time spent on checking the reply once it was whole. */
	validateMs: number;
}

/** Anything but 200 is the engine's own answer and passes through as it is. */
export interface EngineRefusal {
	status: number;
	headers: ReadonlyArray<readonly [string, string]>;
	body: Buffer;
}
