// The options of every command that talks to a running cluster: its URL, and the token it asks for. Pure.
import { ConfigError } from "../base/errors.js";
import { checkedToken, tokenOfFile } from "./bearer-token.js";
import { CLIENT_TOKEN_ENV } from "./option-names.js";
import { path, text, type ValuesOf } from "./option-types.js";

const TARGET = "Cluster";

/** In the order in which help shows them. */
export const CLIENT_OPTIONS = {
	url: text({
		group: TARGET,
		description: "front URL of a running cluster",
		placeholder: "url",
		rule: "an http:// or https:// URL without a path (no /v1)",
		check: checkUrl,
		fallback: "http://127.0.0.1:8080",
	}),
	authToken: text({
		group: TARGET,
		description: "bearer token of a cluster that asks for one; every user of the machine can see it here",
		placeholder: "token",
		rule: "text",
		check: (value) => value,
		fallback: null,
		defaultText: "none",
	}),
	authTokenFile: path({
		group: TARGET,
		description: "file with that token instead",
		placeholder: "file",
		fallback: null,
		defaultText: `${CLIENT_TOKEN_ENV} in the environment`,
	}),
};

/** What the process has around it. */
export interface Surroundings {
	env: Readonly<Record<string, string | undefined>>;
	/** Throws when the file cannot be read. */
	readText: (path: string) => string;
}

/**
 * Where the cluster is and which token it gets: the flag's, else the file's, else the environment's, else none. An
 * empty `--auth-token` means none, whatever the environment says.
 * @throws ConfigError when both flags are given, or what is given holds no token
 */
export function readClient(
	{ url, authToken: token, authTokenFile: file }: ValuesOf<typeof CLIENT_OPTIONS>,
	{ env, readText }: Surroundings,
): { url: string; authToken: string | null } {
	if (token !== null && file !== null) {
		throw new ConfigError("--auth-token and --auth-token-file: both give the token; leave out the one");
	}
	if (token !== null) return { url, authToken: token === "" ? null : checkedToken(token, "--auth-token") };
	if (file !== null) return { url, authToken: tokenOfFile(file, `--auth-token-file ${file}`, readText) };
	const inherited = env[CLIENT_TOKEN_ENV] ?? "";
	return { url, authToken: inherited === "" ? null : checkedToken(inherited, CLIENT_TOKEN_ENV) };
}

function checkUrl(value: string): string | undefined {
	return /^https?:\/\/[^/?#]+$/.test(value.replace(/\/+$/, "")) ? value.replace(/\/+$/, "") : undefined;
}
