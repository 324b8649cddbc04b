// What an engine says it is, and what follows from its release: whether it fits, and how it spells tools. Pure.
import type { EngineIdentity } from "../engine.js";

/** What stands at the engine's address, by its own words. */
export type SglangIdentity =
	| { kind: "sglang"; release: string }
	/** Renders messages by itself: its own request type has no `input_ids`, so it drops them. */
	| { kind: "sglang-router" }
	/** It answers, but does not say which release it is; most often a gateway. */
	| { kind: "unknown"; reason: string }
	/** Nobody answered; a code of the system, or `TIMEOUT`. */
	| { kind: "unreachable"; code: string };

type Release = readonly [major: number, minor: number, patch: number];

/** The first release whose chat requests have `input_ids` (sgl-project/sglang, ChatCompletionRequest). */
const FIRST_WITH_INPUT_IDS: Release = [0, 5, 13];
/** The first release that hands tools to the template in the client's key order. */
const FIRST_IN_CLIENT_ORDER: Release = [0, 5, 23];

/**
 * Reads one reply of `GET /server_info` or `/get_server_info`.
 * @param body its JSON value, or undefined when it had none
 * @returns null when this reply says nothing, so that the next path is worth asking
 */
export function identityOf(status: number, body: unknown): SglangIdentity | null {
	if (status !== 200 || typeof body !== "object" || body === null) return null;
	// sglang-router 0.3 answers with facts of its own (sgl-model-gateway, RouterManager::get_server_info).
	if ("router_manager" in body) return { kind: "sglang-router" };
	if (!("version" in body) || typeof body.version !== "string") return null;
	if (parseRelease(body.version) !== null) return { kind: "sglang", release: body.version };
	return { kind: "unknown", reason: `its version is ${JSON.stringify(body.version.slice(0, 80))}` };
}

/** Why this engine cannot be used whatever the settings, as one sentence without the address; null when it can. */
function unfit(identity: SglangIdentity): string | null {
	if (identity.kind === "sglang-router")
		return (
			"it is sglang-router, which drops input_ids: the engines behind it would render messages by themselves, and " +
			"tokens would be recorded that no model saw; give the engine's own address, or put smg in front of it"
		);
	if (identity.kind !== "sglang") return null;
	const release = parseRelease(identity.release);
	if (release === null || compare(release, FIRST_WITH_INPUT_IDS) >= 0) return null;
	return `it is SGLang ${identity.release}, whose chats have no input_ids; ${FIRST_WITH_INPUT_IDS.join(".")} is the first release that has`;
}

/** How it spells tools (`ToolSchemaVersion` of tito/tools.ts); null without a release. */
function toolSchemaOf(identity: SglangIdentity): 1 | 2 | 3 | null {
	const release = identity.kind === "sglang" ? parseRelease(identity.release) : null;
	if (release === null) return null;
	if (compare(release, FIRST_IN_CLIENT_ORDER) >= 0) return 3;
	return compare(release, FIRST_WITH_INPUT_IDS) >= 0 ? 2 : 1;
}

/** What the gate and the log need to know of it. */
export function engineIdentity(identity: SglangIdentity): EngineIdentity {
	if (identity.kind === "unreachable") return identity;
	const release = identity.kind === "sglang" ? identity.release : null;
	return {
		kind: "answered",
		engine: identity.kind,
		release,
		name:
			identity.kind === "unknown"
				? `an engine of unknown release (${identity.reason})`
				: release === null
					? identity.kind
					: `SGLang ${release}`,
		toolSchema: toolSchemaOf(identity),
		unfit: unfit(identity),
	};
}

/** Null for a text that names no release; a build without tags calls itself 0.0.0. */
function parseRelease(text: string): Release | null {
	const found = /^v?(\d{1,6})\.(\d{1,6})(?:\.(\d{1,6}))?(?!\d)/.exec(text);
	if (found === null) return null;
	const release = [Number(found[1]), Number(found[2]), Number(found[3] ?? 0)] as const;
	return release.every((part) => part === 0) ? null : release;
}

function compare(a: Release, b: Release): number {
	return a[0] - b[0] || a[1] - b[1] || a[2] - b[2];
}
