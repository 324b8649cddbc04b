// What differs between the releases of SGLang that the simulator can speak as. A table; decides nothing.

/** Releases whose wire form was compared with their own classes (the wheels on PyPI). */
export const ENGINE_VERSIONS = ["0.5.13", "0.5.16", "0.5.22", "0.5.23"] as const;
export type EngineVersion = (typeof ENGINE_VERSIONS)[number];

/** One release's ways, as far as Rollpin can see them. */
export interface EngineRelease {
	version: EngineVersion;
	/** A message without calls says `"tool_calls": null`; later releases leave the key out. */
	nullToolCalls: boolean;
	/** A call's `index` is the tool's place in the request's list; later the call's place in the answer. */
	indexIsToolPlace: boolean;
	/** Call markup without one readable call still ends as `tool_calls`, with an empty list. */
	emptyCallsForUnreadable: boolean;
	/** `weight_versions` in meta_info and metadata. */
	weightVersions: boolean;
	/** `usage.completion_tokens_details`. */
	completionTokensDetails: boolean;
	/** A tool in the prompt keeps the client's key order and has `strict` only when it was sent. */
	toolsAsSent: boolean;
	/** Tool arguments of history must be a JSON object. */
	argumentsMustBeObject: boolean;
}

const V0_5_23: EngineRelease = {
	version: "0.5.23",
	nullToolCalls: false,
	indexIsToolPlace: false,
	emptyCallsForUnreadable: false,
	weightVersions: true,
	completionTokensDetails: true,
	toolsAsSent: true,
	argumentsMustBeObject: true,
};
const V0_5_22: EngineRelease = {
	...V0_5_23,
	version: "0.5.22",
	completionTokensDetails: false,
	toolsAsSent: false,
};
const V0_5_16: EngineRelease = {
	...V0_5_22,
	version: "0.5.16",
	nullToolCalls: true,
	indexIsToolPlace: true,
	weightVersions: false,
	argumentsMustBeObject: false,
};
const V0_5_13: EngineRelease = { ...V0_5_16, version: "0.5.13", emptyCallsForUnreadable: true };

const RELEASES: readonly EngineRelease[] = [V0_5_13, V0_5_16, V0_5_22, V0_5_23];

/** The ways of a release; the newest one's for a name that is not in the table. */
export function releaseOf(version: string): EngineRelease {
	return RELEASES.find((release) => release.version === version) ?? V0_5_23;
}
