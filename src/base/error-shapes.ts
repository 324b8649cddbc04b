// The body of an error by the path that was asked: each kind of client reads another shape. Pure.
import { errorBody, type RollpinError } from "./errors.js";

/** @param target a path, with or without its query */
export function errorBodyFor(target: string): (error: RollpinError) => string {
	return OPENSANDBOX.test(target) ? openSandboxBody : errorBody;
}

const OPENSANDBOX = /^\/v1\/sandboxes(?:[/?]|$)/;

/** OpenSandbox's generated clients lose the status of an error without a `code` of its own. */
function openSandboxBody({ code, message }: RollpinError): string {
	return JSON.stringify({ code, message });
}
