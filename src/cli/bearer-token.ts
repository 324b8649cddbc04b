// What a bearer token may look like, and reading one from a file. The token itself never gets into a message.
import { ConfigError } from "../base/errors.js";

/** @throws ConfigError unless `token` has only the characters that RFC 6750 section 2.1 lets a bearer token have */
export function checkedToken(token: string, name: string): string {
	if (/^[A-Za-z0-9._~+/-]+=*$/.test(token)) return token;
	throw new ConfigError(`${name}: must hold one token of A-Z a-z 0-9 . _ ~ + / - and nothing else`);
}

/**
 * The token that a file holds alone, space around it aside.
 * @param name how the setting is called, file included
 * @throws ConfigError when it cannot be read, or holds no token
 */
export function tokenOfFile(file: string, name: string, readText: (path: string) => string): string {
	let text: string;
	try {
		text = readText(file);
	} catch (error) {
		throw new ConfigError(`${name}: cannot be read; give a file that holds the token alone`, {
			cause: error,
		});
	}
	return checkedToken(text.trim(), name);
}
