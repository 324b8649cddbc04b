// The multipart body of an upload: pairs of metadata (JSON) and file. Pure but for node's own parser of forms.
import { posix } from "node:path";
import { RollpinError } from "../../../base/errors.js";
import type { TarFile } from "../../tar-entry.js";
import { parseObject } from "../read-request.js";
import { placeOf, refusal } from "./bodies.js";
import { permissionsOf } from "./permissions.js";

export interface UploadedFile extends TarFile {
	/** The path is below it: the root, or the workspace. */
	base: "/" | ".";
	/** As scripts take it. */
	place: string;
	/** Empty: whoever writes it. */
	owner: string;
	group: string;
}

/** @throws RollpinError `invalid_request`, `unsupported_media_type` */
export async function readUpload(body: Buffer, contentType: string): Promise<UploadedFile[]> {
	if (!/^multipart\/form-data\s*;/i.test(contentType)) {
		throw new RollpinError("unsupported_media_type", "an upload must have content-type: multipart/form-data");
	}
	let form: Awaited<ReturnType<Response["formData"]>>;
	try {
		form = await new Response(body, { headers: { "content-type": contentType } }).formData();
	} catch (error) {
		throw new RollpinError("invalid_request", "the body is no multipart/form-data", { cause: error });
	}
	const [metadata, files] = [form.getAll("metadata"), form.getAll("file")];
	if (metadata.length === 0 || metadata.length !== files.length)
		throw refusal(
			"metadata",
			`comes once before each file; there are ${metadata.length} and ${files.length}`,
		);
	return await Promise.all(
		metadata.map(async (part, index) =>
			uploadedFile(await bytesOf(part), await bytesOf(files[index] as FormPart)),
		),
	);
}

type FormPart = NonNullable<ReturnType<Awaited<ReturnType<Response["formData"]>>["get"]>>;

async function bytesOf(part: FormPart): Promise<Buffer> {
	return typeof part === "string" ? Buffer.from(part) : Buffer.from(await part.arrayBuffer());
}

function uploadedFile(metadata: Buffer, content: Buffer): UploadedFile {
	const fields = parseObject(metadata).only("path", "owner", "group", "mode");
	const place = placeOf(fields.text("path") ?? "", "metadata.path");
	const base = place.startsWith("/") ? "/" : ".";
	const path = posix.relative(base, place);
	if (path === "") throw refusal("metadata.path", "must name a file");
	const { mode, owner, group } = permissionsOf(fields);
	return { base, place, path, content, owner, group, ...(mode === 0 ? {} : { mode }) };
}
