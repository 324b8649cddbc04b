// The headers of an answer that is an event stream, the same for every wire.
import type { HeaderList } from "./front-end.js";

export const SSE_HEADERS: HeaderList = [
	["content-type", "text/event-stream; charset=utf-8"],
	["cache-control", "no-cache"],
	["x-accel-buffering", "no"],
];
