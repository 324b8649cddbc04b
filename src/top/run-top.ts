// Asks a cluster at intervals and shows what it says, until it is stopped. Changes nothing on the cluster.
import { ConfigError } from "../base/errors.js";
import type { ClusterStatus } from "../console/cluster-status.js";
import { noCluster, reasonOf } from "../demo/no-cluster.js";
import { type Beats, view, withBeats } from "./view.js";

export interface TopOptions {
	url: string;
	authToken: string | null;
	intervalMs: number;
	/** Show it once and end. */
	once: boolean;
}

export interface Screen {
	/** Whether one view may take the place of the one before it. */
	terminal: boolean;
	columns(): number;
	write(text: string): void;
}

const TIMEOUT_MS = 10_000;
const HOME = "\x1b[H";
const CLEAR_BELOW = "\x1b[J";
const CLEAR_LINE = "\x1b[K";

/**
 * Ends when `signal` fires; a cluster that stops answering is waited for.
 * @throws ConfigError when none answers at first
 */
export async function runTop(options: TopOptions, screen: Screen, signal: AbortSignal): Promise<void> {
	let beats: Beats = new Map();
	let shown = "";
	for (let first = true; !signal.aborted; first = false) {
		try {
			const cluster = await ask(options, signal);
			beats = withBeats(beats, cluster);
			shown = view(cluster, beats, Date.now() / 1000);
			show(screen, shown);
		} catch (error) {
			if (signal.aborted) return;
			if (first || error instanceof ConfigError) throw unreachable(options.url, error);
			show(screen, `${shown}\n\nno answer from ${options.url} (${reasonOf(error)}); asking again`);
		}
		if (options.once) return;
		await pause(options.intervalMs, signal);
	}
}

function show(screen: Screen, text: string): void {
	if (screen.terminal)
		screen.write(
			`${HOME}${cut(text, screen.columns()).replaceAll("\n", `${CLEAR_LINE}\n`)}${CLEAR_LINE}\n${CLEAR_BELOW}`,
		);
	else screen.write(`${text}\n\n`);
}

/** A line that wraps would move all below it. */
function cut(text: string, columns: number): string {
	return text
		.split("\n")
		.map((line) => line.slice(0, columns))
		.join("\n");
}

async function ask({ url, authToken }: TopOptions, signal: AbortSignal): Promise<ClusterStatus> {
	const reply = await fetch(new URL("/cluster", url), {
		headers: authToken === null ? {} : { authorization: `Bearer ${authToken}` },
		signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
	});
	if (reply.status === 401) {
		throw new ConfigError(`${url} asks for a token; give the cluster's with --auth-token-file`);
	}
	const status = (await reply.json()) as Partial<ClusterStatus>;
	if (!Array.isArray(status.workers)) throw new ConfigError(`${url} is not a Rollpin cluster; check --url`);
	return status as ClusterStatus;
}

function unreachable(url: string, error: unknown): ConfigError {
	return error instanceof ConfigError ? error : noCluster(url, error);
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
	return new Promise((resolve) => {
		const end = (): void => {
			clearTimeout(timer);
			signal.removeEventListener("abort", end);
			resolve();
		};
		const timer = setTimeout(end, ms);
		signal.addEventListener("abort", end, { once: true });
	});
}
