// The routes of the code interpreter's clients: sessions, which are sandboxes, bash in them, files for them. Owns no rule of sandboxes.
import { RollpinError } from "../../../base/errors.js";
import { sendJson, sendNothing } from "../answers.js";
import type { NativeCall, NativeParts } from "../native.js";
import { readBody, readObject } from "../read-request.js";
import { bashRequest, sessionRequest } from "./bodies.js";
import type { Uploads } from "./uploads.js";

export interface InterpreterParts extends NativeParts {
	uploads: Uploads;
}

export async function createSession(
	{ maxBodyBytes, sandboxes, uploads }: InterpreterParts,
	{ left, request, response }: NativeCall,
): Promise<void> {
	const asked = sessionRequest(await readObject(request, maxBodyBytes), uploads);
	const { id, deadlineMs } = await sandboxes.create(asked, { key: null, fingerprint: "" });
	// Nobody was told of it, so nobody would end it.
	if (left.aborted) await sandboxes.remove(id, "deleted");
	else sendJson(response, 201, { session_id: id, expires_at: deadlineMs / 1000 });
}

export async function runBash(
	{ maxBodyBytes, sandboxes, settings }: InterpreterParts,
	{ left, request, response }: NativeCall,
	id: string,
): Promise<void> {
	const asked = bashRequest(await readObject(request, maxBodyBytes), settings);
	const { stdout, stderr, exitCode, timedOut, durationMs } = await sandboxes.commands.run(id, asked, left);
	sendJson(response, 200, {
		stdout,
		stderr,
		exit_code: exitCode,
		timed_out: timedOut,
		duration_ms: durationMs,
	});
}

export async function uploadFile(
	{ maxBodyBytes, uploads }: InterpreterParts,
	{ request, response }: NativeCall,
): Promise<void> {
	const body = await readBody(request, maxBodyBytes);
	const type = request.headers["content-type"] ?? "";
	const form = await new Response(body, { headers: { "content-type": type } }).formData().catch(() => null);
	const part = form?.get("file") ?? null;
	if (part === null || typeof part === "string")
		throw new RollpinError("invalid_request", "file is missing: a file in multipart/form-data", {
			param: "file",
		});
	const { id, name, content } = uploads.add(part.name, new Uint8Array(await part.arrayBuffer()));
	sendJson(response, 201, { file_id: id, filename: name, size_bytes: content.length });
}

export function listFiles({ uploads }: InterpreterParts, { response }: NativeCall): void {
	const files = uploads.list().map(({ id, name, content, uploadedMs }) => ({
		file_id: id,
		filename: name,
		size_bytes: content.length,
		upload_time: uploadedMs / 1000,
	}));
	sendJson(response, 200, { files });
}

export function readFile({ uploads }: InterpreterParts, { response }: NativeCall, id: string): void {
	const { content, name } = uploads.get(id);
	response.writeHead(200, {
		"content-type": "application/octet-stream",
		"content-length": content.length,
		"content-disposition": `attachment; filename*=UTF-8''${encodeURIComponent(name).replaceAll("'", "%27")}`,
	});
	response.end(content);
}

export function deleteFile({ uploads }: InterpreterParts, { response }: NativeCall, id: string): void {
	uploads.delete(id);
	sendNothing(response);
}

/** What their clients get as 422 is a 400 here. */
export async function inTheirStatus(answered: Promise<void>): Promise<void> {
	try {
		await answered;
	} catch (error) {
		const isSchema =
			error instanceof RollpinError && (error.code === "invalid_request" || error.code === "invalid_json");
		if (!isSchema) throw error;
		const { code, message, param } = error;
		throw new RollpinError(code, message, { status: 422, param: param ?? "", cause: error });
	}
}
