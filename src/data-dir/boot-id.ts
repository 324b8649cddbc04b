// This machine's boot id, by which a process that died is told from a machine that lost power. Asked for once.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

/** This machine's boot id, asked for once; null where the platform doesn't tell. */
export function bootId(): string | null {
	knownBootId ??= { text: readBootId() };
	return knownBootId.text;
}

let knownBootId: { text: string | null } | undefined;

function readBootId(): string | null {
	try {
		const text =
			process.platform === "darwin"
				? execFileSync("sysctl", ["-n", "kern.bootsessionuuid"], { encoding: "utf8" })
				: readFileSync("/proc/sys/kernel/random/boot_id", "utf8");
		return text.trim() === "" ? null : text.trim();
	} catch {
		return null;
	}
}
