// Element ranges of a stored messages content. The bytes were validated when they came in.
import { scanArrayContent } from "../../json/scan.js";
import type { ByteRange } from "./request-messages.js";

/** Byte ranges of the elements of an array's content (the bytes between its brackets). */
export function elementRanges(content: Buffer): ByteRange[] {
	return scanArrayContent(content);
}
