// Permissions as OpenSandbox's clients write them: the digits of a mode in a decimal number. Pure.
import type { Fields } from "../read-request.js";
import { refusal } from "./bodies.js";

export interface Permissions {
	/** 0: as it is. */
	mode: number;
	/** Empty: as it is. */
	owner: string;
	group: string;
}

const NAME = /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/;

/** @throws RollpinError `invalid_request` */
export function permissionsOf(fields: Fields): Permissions {
	const digits = String(fields.integer("mode", 0, 7777) ?? 0);
	if (!/^[0-7]+$/.test(digits)) throw refusal("mode", "must have the octal digits of a mode, as 644");
	const [owner, group] = [fields.text("owner", 64) ?? "", fields.text("group", 64) ?? ""];
	for (const name of [owner, group])
		if (name !== "" && !NAME.test(name)) throw refusal("owner", "and group must be names or numbers");
	return { mode: Number.parseInt(digits, 8), owner, group };
}
