// The headers of an answer that is an event stream, the same for every wire.
import type { Headers } from "./front-end.js";

export const SSE_HEADERS: Headers = [
	["content-type", "text/event-stream; charset=utf-8"],
	["cache-control", "no-cache"],
	["x-accel-buffering", "no"],
];
