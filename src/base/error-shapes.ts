// The body of an error by the path that was asked: each kind of client reads another shape. Pure.
import { errorBody, type RollpinError } from "./errors.js";

/** @param target a path, with or without its query */
export function errorBodyFor(target: string): (error: RollpinError) => string {
	if (OPENSANDBOX.test(target)) return openSandboxBody;
	return CODE_INTERPRETER.test(target) ? codeInterpreterBody : errorBody;
}

const CODE_INTERPRETER = /^\/v1\/(?:sessions|files)(?:[/?]|$)/;
const OPENSANDBOX = /^\/v1\/sandboxes(?:[/?]|$)/;

/** OpenSandbox's generated clients lose the status of an error without a `code` of its own. */
function openSandboxBody({ code, message }: RollpinError): string {
	return JSON.stringify({ code, message });
}

/** As FastAPI writes them: a list where the body was not as it must be. */
function codeInterpreterBody({ code, message, param, status }: RollpinError): string {
	const loc = ["body", ...(param === undefined || param === "" ? [] : param.split("."))];
	return JSON.stringify({ detail: status === 422 ? [{ type: code, loc, msg: message }] : message });
}
