// What a create asks for, checked against what the launch allows and its backend can give. Pure.
import { RollpinError } from "../base/errors.js";
import type { SandboxConfig } from "../config/cluster-config.js";
import type { SandboxFeature, SandboxResources } from "./backend.js";

/** Null, or left out of `resources`: the launch's own choice. */
export interface SandboxRequest {
	image: string | null;
	ttlS: number | null;
	/** How far it may be extended, from its creation; null: not at all. */
	maxTtlS: number | null;
	sessionId: string | null;
	files: readonly SandboxFile[];
	env: Readonly<Record<string, string>>;
	workdir: string | null;
	user: string | null;
	resources: Readonly<Partial<SandboxResources>>;
	network: "none" | "bridge" | null;
	runtime: string | null;
	labels: Readonly<Record<string, string>>;
}

export interface SandboxFile {
	/** Below the workspace, without `..`. */
	path: string;
	content: Uint8Array;
}

/** What a client that asks for nothing asks for. */
export const NOTHING_ASKED: SandboxRequest = {
	image: null,
	ttlS: null,
	maxTtlS: null,
	sessionId: null,
	files: [],
	env: {},
	workdir: null,
	user: null,
	resources: {},
	network: null,
	runtime: null,
	labels: {},
};

/** What the launch says of sandboxes, whatever runs them. */
export type SandboxSettings = Omit<SandboxConfig, "backend" | "dockerSocket">;

/** What is to be made. */
export interface CheckedRequest extends SandboxRequest {
	image: string;
	ttlS: number;
	maxTtlS: number;
	workdir: string;
	resources: SandboxResources;
	network: "none" | "bridge";
}

/** @throws RollpinError `invalid_request`, `image_not_allowed` */
export function checkRequest(
	request: SandboxRequest,
	settings: SandboxSettings,
	lacks: ReadonlySet<SandboxFeature>,
): CheckedRequest {
	const image = request.image ?? settings.image;
	const ttlS = within("ttl_seconds", request.ttlS ?? settings.ttlS, 1, settings.maxTtlS);
	const maxTtlS = within("max_ttl_seconds", request.maxTtlS ?? ttlS, ttlS, settings.maxTtlS);
	if (image !== settings.image && !settings.allowImages.some((pattern) => matches(pattern, image))) {
		throw new RollpinError(
			"image_not_allowed",
			`image ${image} is not allowed here: use ${settings.image}, or have it allowed by --sandbox-allow-images`,
			{ param: "image" },
		);
	}
	const asked: Array<[SandboxFeature, string, boolean]> = [
		["image", "image", image !== settings.image],
		["user", "user", request.user !== null],
		["runtime", "runtime", request.runtime !== null],
		["no_network", "network", request.network === "none"],
		["bridge", "network", request.network === "bridge"],
		["cpu", "resources.cpu", request.resources.cpu !== undefined],
		["pids", "resources.pids", request.resources.pids !== undefined],
		["disk", "resources.disk_mib", request.resources.diskMib !== undefined],
	];
	for (const [feature, field, isAsked] of asked) {
		if (!isAsked || !lacks.has(feature)) continue;
		throw new RollpinError(
			"invalid_request",
			`${field} is nothing that this --sandbox backend can give; leave it out, or use another backend`,
			{ param: field },
		);
	}
	const labels = Object.values(request.labels);
	if (labels.length > MAX_LABELS || labels.some((text) => text.length > MAX_LABEL_LENGTH)) {
		const text = `labels: at most ${MAX_LABELS}, each of at most ${MAX_LABEL_LENGTH} characters`;
		throw new RollpinError("invalid_request", text, { param: "labels" });
	}
	const resources = { ...settings.resources, ...request.resources };
	for (const [name, field] of RESOURCE_FIELDS)
		within(field, resources[name], MIN_RESOURCES[name], settings.maxResources[name]);
	return {
		...request,
		image,
		ttlS,
		maxTtlS,
		workdir: request.workdir ?? ".",
		resources,
		network: request.network ?? "none",
	};
}

const RESOURCE_FIELDS: ReadonlyArray<[keyof SandboxResources, string]> = [
	["cpu", "resources.cpu"],
	["memoryMib", "resources.memory_mib"],
	["pids", "resources.pids"],
	["diskMib", "resources.disk_mib"],
];

/** Each record has them, in memory and on disk, for a day after its end. */
const MAX_LABELS = 64;
const MAX_LABEL_LENGTH = 1024;

/** Less starts nowhere. */
const MIN_RESOURCES: SandboxResources = { cpu: 0.01, memoryMib: 16, pids: 4, diskMib: 1 };

function within(field: string, value: number, least: number, most: number): number {
	if (value >= least && value <= most) return value;
	throw new RollpinError("invalid_request", `${field} must be from ${least} to ${most}, not ${value}`, {
		param: field,
	});
}

/** A pattern in which `*` stands for any characters; the whole text must match. */
export function matches(pattern: string, text: string): boolean {
	const [first = "", ...rest] = pattern.split("*");
	if (!text.startsWith(first)) return false;
	const last = rest.pop();
	if (last === undefined) return text === first;
	let at = first.length;
	for (const part of rest) {
		const found = text.indexOf(part, at);
		if (found < 0) return false;
		at = found + part.length;
	}
	return text.length - last.length >= at && text.endsWith(last);
}
