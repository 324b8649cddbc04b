// A cluster's load in a few lines, for top and status alike. Pure.
import type { ClusterLoad, EngineLoad } from "./cluster-load.js";
import { plural } from "./plural.js";
import { printable } from "./printable.js";

/** Codes of errors that are named. */
const CODES = 3;

export function loadLines(load: ClusterLoad): string[] {
	const { p50_ms, p99_ms, running, queued, sessions, turns_per_s, tokens_per_s } = load;
	const rates =
		turns_per_s === null
			? ""
			: `; ${turns_per_s.toFixed(1)} turns/s, ${Math.round(tokens_per_s ?? 0)} tokens/s`;
	const late =
		load.late.length === 0
			? ""
			: `; ${plural(load.late.length, "worker is", "workers are")} too busy to tell`;
	return [
		`${plural(sessions, "session")}, ${plural(running, "chat")} running, ${queued} queued${rates}${late}`,
		`chats p50 ${ms(p50_ms)}, p99 ${ms(p99_ms)}; ${errorText(load)}${load.seconds === null ? "" : ` (last ${Math.round(load.seconds)} s)`}`,
		...load.engines.map((engine) => engineLine(engine, load)),
	];
}

function errorText({ errors, seconds }: ClusterLoad): string {
	if (seconds === null) return "errors -";
	if (errors.length === 0) return "no errors";
	const all = errors.reduce((sum, { per_s }) => sum + per_s, 0);
	const named = errors.slice(0, CODES).map(({ code, per_s }) => `${printable(code)} ${per_s.toFixed(1)}`);
	const more = errors.length > CODES ? ", ..." : "";
	return `${all.toFixed(1)} errors/s (${named.join(", ")}${more})`;
}

function engineLine(engine: EngineLoad, { engine_p50_ms, engine_p99_ms }: ClusterLoad): string {
	const { breakers_open, failures_per_s, requests_per_s, state, upstream } = engine;
	const rates =
		requests_per_s === null
			? ""
			: `, ${requests_per_s.toFixed(1)} requests/s, ${(failures_per_s ?? 0).toFixed(1)} failed/s, p50 ${ms(engine_p50_ms)}, p99 ${ms(engine_p99_ms)}`;
	const breakers = breakers_open === 0 ? "" : `, refused by ${plural(breakers_open, "worker")}`;
	return `engine ${printable(upstream)}: ${state}${breakers}${rates}`;
}

/** Such as `120 ms`; `-` where there is none. */
function ms(value: number | null): string {
	return value === null ? "-" : `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;
}
