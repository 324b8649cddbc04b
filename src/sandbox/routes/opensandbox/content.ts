// The bytes of one file for OpenSandbox's clients: given whole or a range of them, or with text in it replaced.
import { RollpinError } from "../../../base/errors.js";
import { sendJson, writable } from "../answers.js";
import type { NativeParts } from "../native.js";
import { Fields, readObject } from "../read-request.js";
import { placeOf, refusal } from "./bodies.js";
import { OVERWRITE, READ } from "./file-scripts.js";
import type { ProxyCall } from "./files.js";
import { runScript, scriptError, scriptRequest } from "./run-script.js";

/** What READ says first. */
interface Head {
	sizeBytes: number;
	first: number;
	count: number;
}

const LONGEST_HEAD = 80;
const LONGEST_COMPLAINT = 1000;

export async function download(parts: NativeParts, call: ProxyCall): Promise<void> {
	const { id, left, query, request, response } = call;
	if (query.has("offset") || query.has("limit"))
		throw refusal("offset", "and limit are lines, which are not to be had here; a Range header is");
	const range = rangeOf(request.headers.range);
	const place = placeOf(query.get("path") ?? "", "path");
	await readFile(parts, id, [place, ...range], left, async (head, bytes) => {
		if (!response.headersSent) {
			const last = head.first + head.count - 1;
			response.writeHead(range.length > 0 ? 206 : 200, {
				"content-type": "application/octet-stream",
				"content-length": head.count,
				...(range.length > 0 ? { "content-range": `bytes ${head.first}-${last}/${head.sizeBytes}` } : {}),
			});
		}
		if (bytes.length > 0 && !response.destroyed && !response.write(bytes)) await writable(response);
	});
	response.end();
}

/** `bytes=5-9`, `bytes=5-`; as READ takes it. Nothing: all. */
function rangeOf(header: string | undefined): string[] {
	if (header === undefined) return [];
	const [, first = "", last = ""] = /^bytes=(\d{1,15})-(\d{1,15})?$/.exec(header) ?? [];
	if (first === "" || (last !== "" && Number(last) < Number(first)))
		throw refusal("Range", "must be one range of bytes from its first on, as bytes=0-99 or bytes=100-");
	return [first, last];
}

/**
 * @param sink must not throw
 * @throws RollpinError; what was given until then is not the file
 */
async function readFile(
	{ sandboxes }: NativeParts,
	id: string,
	args: readonly string[],
	left: AbortSignal,
	sink: (head: Head, bytes: Uint8Array) => Promise<void>,
): Promise<Head> {
	let [begun, stderr]: [Buffer, string] = [Buffer.alloc(0), ""];
	const got: { head: Head | null; bytes: number } = { head: null, bytes: 0 };
	const give = async (head: Head, bytes: Uint8Array): Promise<void> => {
		// Never more than was announced: the agent's processes can write into the same stream, and what is beyond the length would
		// be the beginning of another client's answer.
		const wanted = bytes.subarray(0, Math.max(0, head.count - got.bytes));
		got.bytes += bytes.length;
		await sink(head, wanted);
	};
	const result = await sandboxes.commands.stream(
		id,
		scriptRequest({ text: READ, args }),
		async (stream, bytes) => {
			if (stream === "stderr") {
				stderr = (stderr + Buffer.from(bytes).toString("utf8")).slice(0, LONGEST_COMPLAINT);
				return;
			}
			if (got.head !== null) return await give(got.head, bytes);
			if (begun.length >= LONGEST_HEAD) return;
			begun = Buffer.concat([begun, bytes]);
			const end = begun.subarray(0, LONGEST_HEAD).indexOf("\n");
			if (end < 0) return;
			const [sizeBytes = 0, first = 0, count = 0] = begun.toString("latin1", 0, end).split(" ").map(Number);
			got.head = { sizeBytes, first, count };
			await give(got.head, begun.subarray(end + 1));
		},
		left,
	);
	if (result.exitCode !== 0 || got.head === null) throw scriptError(result.exitCode, stderr);
	if (got.bytes === got.head.count) return got.head;
	throw new RollpinError("sandbox_backend_unavailable", `the file broke off after ${got.bytes} bytes`);
}

export async function replaceText(parts: NativeParts, call: ProxyCall): Promise<void> {
	const body = await readObject(call.request, parts.maxBodyBytes);
	const counts: Record<string, { replacedCount: number }> = {};
	for (const path of body.names()) {
		const fields = (body.object(path) ?? new Fields({})).only("old", "new");
		const [old, next] = [textOf(fields, "old"), textOf(fields, "new")];
		if (old.length === 0) throw refusal("old", "is missing: what is to be replaced?");
		counts[path] = { replacedCount: await replaceIn(parts, call, placeOf(path, "path"), old, next) };
	}
	sendJson(call.response, 200, counts);
}

function textOf(fields: Fields, name: string): Buffer {
	const value = fields.value(name) ?? "";
	if (typeof value !== "string") throw refusal(name, "must be text");
	return Buffer.from(value);
}

/** @returns how often; of a file that has it nowhere nothing is written */
async function replaceIn(
	parts: NativeParts,
	{ id, left }: ProxyCall,
	place: string,
	old: Buffer,
	next: Buffer,
): Promise<number> {
	const pieces: Uint8Array[] = [];
	const { sizeBytes } = await readFile(parts, id, [place], left, async (head, bytes) => {
		if (head.sizeBytes <= parts.maxBodyBytes) pieces.push(Buffer.from(bytes));
	});
	if (sizeBytes > parts.maxBodyBytes)
		throw new RollpinError("body_too_large", `${place} has ${sizeBytes} bytes, over ${parts.maxBodyBytes}`);
	const content = Buffer.concat(pieces);
	const replaced: Uint8Array[] = [];
	let from = 0;
	for (let at = content.indexOf(old); at >= 0; at = content.indexOf(old, from)) {
		replaced.push(content.subarray(from, at), next);
		from = at + old.length;
	}
	if (replaced.length === 0) return 0;
	const stdin = Buffer.concat([...replaced, content.subarray(from)]);
	await runScript(parts.sandboxes, id, { text: OVERWRITE, args: [place], stdin }, left);
	return replaced.length / 2;
}
