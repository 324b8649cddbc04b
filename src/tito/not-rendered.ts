// The 400 for text that a prompt would not have. Nothing else.
import { RollpinError } from "../base/errors.js";

/** @param where the message, part or field, which `error.param` names too */
export function notRendered(where: string, what: string): RollpinError {
	return new RollpinError("not_rendered", `${where} ${what}`, { param: where });
}
