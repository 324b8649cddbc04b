// Makes sure that an image is at the engine, as its pull policy says. Knows no registry's credentials.
import { RollpinError } from "../../base/errors.js";
import type { SandboxSpec } from "../backend.js";
import { type Engine, expectStatus, messageOf } from "./engine.js";

export interface FoundImage {
	id: string;
	/** Directories that it declares as volumes. */
	volumes: readonly string[];
}

const INSPECT_LIMIT_MS = 10_000;
/** Images of tens of GB exist. */
const PULL_LIMIT_MS = 30 * 60_000;

/**
 * @param pulling called when a pull begins
 * @throws RollpinError `image_unavailable`
 */
export async function needImage(
	engine: Engine,
	{ image, pullPolicy }: Pick<SandboxSpec, "image" | "pullPolicy">,
	pulling: () => void,
	signal: AbortSignal,
): Promise<FoundImage> {
	const there = await findImage(engine, image, signal);
	if (there !== null) return there;
	if (pullPolicy === "never") {
		throw unavailableImage(image, "the container engine has it not, and --sandbox-pull is never");
	}
	pulling();
	const query = `fromImage=${encodeURIComponent(withTag(image))}`;
	const path = `/images/create?${query}`;
	const reply = await engine.call({ method: "POST", path, limitMs: PULL_LIMIT_MS, signal });
	if (reply.status !== 200) throw unavailableImage(image, messageOf(reply));
	const pulled = await findImage(engine, image, signal);
	// What failed under way stands in one of the lines of a 200.
	if (pulled === null) throw unavailableImage(image, pullError(reply.body));
	return pulled;
}

async function findImage(engine: Engine, image: string, signal: AbortSignal): Promise<FoundImage | null> {
	const path = `/images/${encodeURIComponent(image)}/json`;
	const reply = await engine.call({ method: "GET", path, limitMs: INSPECT_LIMIT_MS, signal });
	if (reply.status === 404) return null;
	if (reply.status === 400) throw unavailableImage(image, messageOf(reply));
	const { Id, Config } = expectStatus(reply, [200], `look at image ${image}`) as {
		Id: string;
		Config?: { Volumes?: Record<string, unknown> | null };
	};
	return { id: Id, volumes: Object.keys(Config?.Volumes ?? {}) };
}

/** Without a tag or a digest the engine would pull all tags. */
export function withTag(image: string): string {
	const name = image.slice(image.lastIndexOf("/") + 1);
	return /[:@]/.test(name) ? image : `${image}:latest`;
}

/** Of the lines of JSON that a pull reports its progress by. */
export function pullError(lines: unknown): string {
	const found = /"error":\s*("(?:[^"\\]|\\.)*")/.exec(
		typeof lines === "string" ? lines : JSON.stringify(lines),
	);
	return found?.[1] === undefined ? "the pull ended without it" : String(JSON.parse(found[1]));
}

function unavailableImage(image: string, why: string): RollpinError {
	return new RollpinError("image_unavailable", `image ${image} cannot be had: ${why}`);
}
