// Whether a cluster is well, by what it says of itself, and what is not, with the remedy. Pure.
import type { ClusterHealth, ClusterStatus } from "./cluster-status.js";
import { printable } from "./printable.js";

/** Values of a check that need nobody's look: all is well, nobody has looked yet, or nobody is to. */
const FINE: ReadonlySet<unknown> = new Set(["ok", "none", "skipped", "unknown"]);

interface Told {
	health: Pick<ClusterHealth, "status" | "checks">;
	cluster: Pick<ClusterStatus, "checks" | "not_ready">;
}

/** Lines such as `NOT OK: store low: fewer than 512 MiB are free ...`; none when all is well. */
export function complaints({ health, cluster }: Told): string[] {
	const checks = Object.entries(health.checks ?? {})
		.filter(([, value]) => !FINE.has(value))
		.map(([name, value]) => {
			const detail = cluster.checks?.[name]?.detail ?? null;
			return printable(`NOT OK: ${name} ${textOf(value)}${detail === null ? "" : `: ${detail}`}`);
		});
	const reasons = cluster.not_ready ?? [];
	return reasons.length === 0
		? checks
		: [...checks, printable(`NOT READY for new sessions: ${reasons.join("; ")}`)];
}

export function isFine(told: Told): boolean {
	return told.health.status === "ok" && complaints(told).length === 0;
}

/** Each check with its value, such as `store ok`. */
export function checkList({ checks = {} }: Pick<ClusterHealth, "checks">): string[] {
	return Object.entries(checks).map(([name, value]) => printable(`${name} ${textOf(value)}`));
}

function textOf(value: unknown): string {
	return typeof value === "string" ? value : JSON.stringify(value);
}
