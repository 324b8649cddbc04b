// Files for OpenSandbox's clients: reads a request, has a script in the sandbox do it, answers. Knows no backend.
import { RollpinError } from "../../../base/errors.js";
import { tarOf } from "../../tar-entry.js";
import { sendJson } from "../answers.js";
import type { NativeCall, NativeParts } from "../native.js";
import { Fields, parseJson, readBody, readObject } from "../read-request.js";
import { placeOf, refusal } from "./bodies.js";
import { entryJson, readEntries } from "./entries.js";
import {
	EXTRACT,
	MAKE_DIRECTORIES,
	MOVE,
	PRINT_PATHS,
	PRINT_TREE,
	REMOVE_DIRECTORIES,
	REMOVE_FILES,
	SET_PERMISSIONS,
} from "./file-scripts.js";
import { permissionsOf } from "./permissions.js";
import { runScript } from "./run-script.js";
import { readUpload } from "./upload.js";

/** One call of a client's: its sandbox is known. */
export interface ProxyCall extends NativeCall {
	id: string;
}

export async function upload(parts: NativeParts, call: ProxyCall): Promise<void> {
	const { request } = call;
	const body = await readBody(request, parts.maxBodyBytes);
	const files = await readUpload(body, request.headers["content-type"] ?? "");
	for (const base of ["/", "."] as const) {
		const those = files.filter((file) => file.base === base);
		if (those.length === 0) continue;
		const stdin = await wholeOf(tarOf(those));
		await runScript(parts.sandboxes, call.id, { text: EXTRACT, args: [base], stdin }, call.left);
	}
	const owned = files.filter(({ owner, group }) => owner !== "" || group !== "");
	const args = owned.flatMap(({ place, owner, group }) => ["0", owner, group, place]);
	if (args.length > 0) await runScript(parts.sandboxes, call.id, { text: SET_PERMISSIONS, args }, call.left);
	sendJson(call.response, 200, {});
}

async function wholeOf(bytes: AsyncIterable<Uint8Array>): Promise<Buffer> {
	const pieces: Uint8Array[] = [];
	for await (const piece of bytes) pieces.push(piece);
	return Buffer.concat(pieces);
}

export async function describePaths(parts: NativeParts, call: ProxyCall): Promise<void> {
	const paths = call.query.getAll("path");
	const places = paths.map((path) => placeOf(path, "path"));
	const script = { text: PRINT_PATHS, args: places };
	const printed = await runScript(parts.sandboxes, call.id, script, call.left);
	const entries = new Map(readEntries(printed).map((entry) => [entry.name, entry]));
	const known = paths.map((path, index) => {
		const entry = entries.get(places[index] as string);
		if (entry === undefined) throw new RollpinError("sandbox_path_not_found", `${path} has just gone`);
		return [path, entryJson(entry, path)] as const;
	});
	sendJson(call.response, 200, Object.fromEntries(known));
}

export async function listDirectory(parts: NativeParts, call: ProxyCall): Promise<void> {
	const text = call.query.get("depth") ?? "1";
	if (!/^\d{1,6}$/.test(text)) throw refusal("depth", "must be a whole number from 0 on");
	if (text === "0") sendJson(call.response, 200, []);
	else await sendTree(parts, call, [text, "", ""]);
}

export async function search(parts: NativeParts, call: ProxyCall): Promise<void> {
	const pattern = call.query.get("pattern") ?? "";
	if (/[{}/\\]/.test(pattern))
		throw refusal("pattern", "matches names, by * ? and [ ]; it has no / { } or \\ here");
	await sendTree(parts, call, ["1000000", /^\**$/.test(pattern) ? "" : pattern, "files"]);
}

async function sendTree(parts: NativeParts, call: ProxyCall, args: readonly string[]): Promise<void> {
	const path = (call.query.get("path") ?? "").replace(/(?<=.)\/+$/, "");
	const place = placeOf(path, "path");
	const script = { text: PRINT_TREE, args: [place, ...args] };
	const printed = await runScript(parts.sandboxes, call.id, script, call.left);
	const below = place === "/" ? 0 : place.length;
	const entries = readEntries(printed).map((entry) =>
		entryJson(entry, (path === "/" ? "" : path) + entry.name.slice(below)),
	);
	sendJson(call.response, 200, entries);
}

export async function makeDirectories(parts: NativeParts, call: ProxyCall): Promise<void> {
	await setPermissions(parts, call, MAKE_DIRECTORIES);
}

export async function changePermissions(parts: NativeParts, call: ProxyCall): Promise<void> {
	await setPermissions(parts, call, SET_PERMISSIONS);
}

async function setPermissions(parts: NativeParts, call: ProxyCall, text: string): Promise<void> {
	const body = await readObject(call.request, parts.maxBodyBytes);
	const args = body.names().flatMap((path) => {
		const { mode, owner, group } = permissionsOf(
			(body.object(path) ?? new Fields({})).only("mode", "owner", "group"),
		);
		return [mode.toString(8), owner, group, placeOf(path, "path")];
	});
	await runScript(parts.sandboxes, call.id, { text, args }, call.left);
	sendJson(call.response, 200, {});
}

export async function move(parts: NativeParts, call: ProxyCall): Promise<void> {
	const items = parseJson(await readBody(call.request, parts.maxBodyBytes));
	if (!Array.isArray(items)) throw new RollpinError("invalid_json", "the body must be a list of {src, dest}");
	const args = items.flatMap((item: unknown, index) => {
		const isObject = typeof item === "object" && item !== null;
		const fields = new Fields(isObject ? (item as Record<string, unknown>) : {}, `[${index}].`).only(
			"src",
			"dest",
		);
		return [placeOf(fields.text("src") ?? "", "src"), placeOf(fields.text("dest") ?? "", "dest")];
	});
	await runScript(parts.sandboxes, call.id, { text: MOVE, args }, call.left);
	sendJson(call.response, 200, {});
}

export async function removeFiles(parts: NativeParts, call: ProxyCall): Promise<void> {
	await remove(parts, call, REMOVE_FILES);
}

export async function removeDirectories(parts: NativeParts, call: ProxyCall): Promise<void> {
	await remove(parts, call, REMOVE_DIRECTORIES);
}

async function remove(parts: NativeParts, call: ProxyCall, text: string): Promise<void> {
	const args = call.query.getAll("path").map((path) => placeOf(path, "path"));
	if (args.length === 0) throw refusal("path", "is missing");
	await runScript(parts.sandboxes, call.id, { text, args }, call.left);
	sendJson(call.response, 200, {});
}
