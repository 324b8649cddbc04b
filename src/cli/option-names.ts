// One option, three spellings: the flag, the environment variable and the config-file key. Pure.

function words(key: string): string {
	return key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** `sessionTtl` -> `--session-ttl` */
export function flagOf(key: string): string {
	return `--${words(key).replaceAll("_", "-")}`;
}

/** `sessionTtl` -> `session_ttl` */
export function fileKeyOf(key: string): string {
	return words(key);
}

export const ENV_PREFIX = "ROLLPIN_";

/** The token of the commands that talk to a running cluster; no setting of serve. */
export const CLIENT_TOKEN_ENV = "ROLLPIN_AUTH_TOKEN";

/** `sessionTtl` -> `ROLLPIN_SESSION_TTL` */
export function envOf(key: string): string {
	return ENV_PREFIX + words(key).toUpperCase();
}
