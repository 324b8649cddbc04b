// What stands below a sandbox's `proxy/{port}/`: which handler answers. The paths are those of OpenSandbox's execd.
import { RollpinError } from "../../../base/errors.js";
import type { NativeCall } from "../native.js";
import {
	type CommandParts,
	commandLogs,
	commandStatus,
	interruptCommand,
	ping,
	runCommand,
} from "./commands.js";
import { download, replaceText } from "./content.js";
import {
	changePermissions,
	describePaths,
	listDirectory,
	makeDirectories,
	move,
	type ProxyCall,
	removeDirectories,
	removeFiles,
	search,
	upload,
} from "./files.js";
import { EXECD_PORT } from "./lifecycle.js";

type Handler = (parts: CommandParts, call: ProxyCall, execId: string) => Promise<void> | void;

/** `*` stands for a command's id. */
const HANDLERS: ReadonlyMap<string, Handler> = new Map<string, Handler>([
	["GET ping", ping],
	["POST command", runCommand],
	["DELETE command", interruptCommand],
	["GET command/status/*", commandStatus],
	["GET command/*/logs", commandLogs],
	["GET files/info", describePaths],
	["GET files/download", download],
	["GET files/search", search],
	["POST files/upload", upload],
	["POST files/mv", move],
	["POST files/permissions", changePermissions],
	["POST files/replace", replaceText],
	["DELETE files", removeFiles],
	["GET directories/list", listDirectory],
	["POST directories", makeDirectories],
	["DELETE directories", removeDirectories],
]);
const COMMAND = /^(command\/status\/)([^/]+)$|^(command\/)([^/]+)(\/logs)$/;

/** @param rest what follows `proxy/{port}/` */
export async function answerProxy(
	parts: CommandParts,
	call: NativeCall,
	id: string,
	port: string,
	rest: string,
): Promise<void> {
	const [, status, statusId, command, logsId, logs] = COMMAND.exec(rest) ?? [];
	const pattern = status !== undefined ? `${status}*` : command !== undefined ? `${command}*${logs}` : rest;
	const method = call.request.method === "HEAD" ? "GET" : call.request.method;
	const handler = HANDLERS.get(`${method} ${pattern}`);
	parts.sandboxes.get(id);
	if (port !== EXECD_PORT || handler === undefined) {
		throw new RollpinError(
			"not_found",
			`${method} /${rest} of port ${port} is not to be had here; there are ${[...HANDLERS.keys()].join(", ")} of port ${EXECD_PORT}`,
		);
	}
	await handler(parts, { ...call, id }, statusId ?? logsId ?? "");
}
