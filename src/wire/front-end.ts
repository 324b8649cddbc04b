// The seam between a session and a client's wire. One front end is one way of asking for a turn (OpenAI chat, ...): it turns
// a request into a chat before anything is matched, and a turn's outcome into the client's bytes. Decides no history.
import type { RollpinError } from "../base/errors.js";
import type { GeneratedReply } from "../session/turn/generation.js";
import type { TurnOutcome } from "../session/turn/run-turn.js";
import type { ChatBody, ChatBodyLimits } from "./chat-body.js";

export type HeaderList = ReadonlyArray<readonly [name: string, value: string]>;

/** What the engine generated, with those of its headers that may reach a client. */
export interface WireGeneration extends GeneratedReply {
	headers: HeaderList;
}

/** What the engine answered in place of a generation, with any status but 200. */
export interface WireRefusal {
	status: number;
	headers: HeaderList;
	body: Buffer;
}

export type WireOutcome = TurnOutcome<WireGeneration, WireRefusal>;

/** A whole answer. */
export interface WireReply {
	status: number;
	headers: HeaderList;
	pieces: readonly Buffer[];
	byteLength: number;
}

/** How a stream of this wire looks beside the answer itself; its status is 200 as soon as it has begun. */
export interface StreamForm {
	headers: HeaderList;
	/** Sent while the answer is not there yet, as often as `--sse-keepalive` says. Clients must read nothing into it. */
	keepalive: string;
	/** The last event of a stream that fails after its beginning. */
	errorEvent(error: RollpinError): string;
	refusalEvent(refusal: WireRefusal): string;
}

/** One request, read by its front end. */
export interface DecodedRequest {
	/**
	 * The same request as the body of a chat completion: this is parsed, matched, recorded and sent to the engine. Equal
	 * histories must give equal bytes, or each turn would read all messages anew.
	 */
	chat: Buffer;
	/**
	 * How this client wants its answer.
	 * @param chat the above, parsed
	 * @throws RollpinError `invalid_request`
	 */
	answer(chat: ChatBody): AnswerForm;
}

export interface AnswerForm {
	stream: boolean;
	/**
	 * The whole answer, streamed or not: it is sent once the turn is committed. `wire/answer.ts` reads the outcome.
	 * @param promptIds whether it brings the prompt's ids, where the wire has a place for them
	 */
	encode(outcome: WireOutcome, promptIds: boolean): WireReply;
}

export interface FrontEnd {
	/**
	 * @param limits those that the chat is read with next; a wire that parses the body parses it with them, as they are
	 * (`parseJson(body, limits)`)
	 * @throws RollpinError for what cannot be carried, naming it in the wire's own terms; JsonSyntaxError
	 */
	decode(body: Buffer, limits: ChatBodyLimits): DecodedRequest;
	/** An error of ours as a JSON body. */
	encodeError(error: RollpinError): string;
	stream: StreamForm;
}
