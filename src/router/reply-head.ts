// Writes the head of a worker's reply anew, for a client that can't get it as the worker wrote it. Pure but for the date.
import type { ReplyHead } from "./reply-parser.js";

/** As node's server says it (`keepAliveTimeout` in front.ts). */
const KEPT = "connection: keep-alive\r\nkeep-alive: timeout=75";

/** @param closes the reply is the last on its connection */
export function replyHead(head: ReplyHead, requestId: string, closes: boolean): string {
	let text = `HTTP/1.1 ${head.status} ${head.reason}\r\n`;
	const { headers } = head;
	for (let at = 0; at < headers.length; at += 2) text += `${headers[at]}: ${headers[at + 1]}\r\n`;
	if (!head.hasRequestId) text += `x-request-id: ${requestId}\r\n`;
	if (!head.hasDate) text += `date: ${new Date().toUTCString()}\r\n`;
	return `${text}${closes ? "connection: close" : KEPT}\r\n\r\n`;
}
