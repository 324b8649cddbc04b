// What a small route of the engine answers with. Types and two makers.
import type { SimState } from "./state.js";

export interface ServiceAnswer {
	status: number;
	contentType: string;
	body: string;
}

/** Answers a request's body; throws SimRefusal for one that it cannot take. */
export type Handler = (state: SimState, body: Buffer) => ServiceAnswer | Promise<ServiceAnswer>;

export function json(value: unknown, status = 200): ServiceAnswer {
	return { status, contentType: "application/json", body: JSON.stringify(value) };
}

export function plain(body: string): ServiceAnswer {
	return { status: 200, contentType: "text/plain; charset=utf-8", body };
}
