// The process beside a local sandbox that ends it at its deadline though all others are dead. Knows the sandbox's directory only.
import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { RollpinError } from "../../base/errors.js";
import { carries } from "./processes.js";

/** In the watchdog's environment and its sleep's, so that both are found. */
export const WATCHDOG_MARK = "ROLLPIN_WATCHDOG=";
export const SANDBOX_MARK = "ROLLPIN_SANDBOX=";

/**
 * Arguments: the sandbox's directory, its id. A shell, because a sleeping one costs 1 MB. The file `deadline` holds ms since
 * the epoch; it is read again after every sleep, after USR1, and every 5 s, should the clock be moved. What cannot be read as
 * a deadline is one that has come: a removed sandbox's watchdog ends by itself, a damaged one fails closed.
 */
const SCRIPT = String.raw`
dir=$1 id=$2
trap : USR1
trap '' TERM INT HUP
ours() {
	for path in $(grep -lzsxF -e "${SANDBOX_MARK}$id" /proc/[0-9]*/environ); do
		pid=\${path#/proc/}
		echo "\${pid%/environ}"
	done
	for path in $(find /proc/[0-9]*/cwd -maxdepth 0 \( -lname "$dir" -o -lname "$dir/*" \) 2>/dev/null); do
		pid=\${path#/proc/}
		pid=\${pid%/cwd}
		stat=$(cat "/proc/$pid/stat" 2>/dev/null) || continue
		set -- \${stat##*) }
		[ "$5" = 0 ] && echo "$pid"
	done
}
echo "$$" > "$dir/watchdog.pid.new" && mv "$dir/watchdog.pid.new" "$dir/watchdog.pid" || exit 1
echo ready
exec >/dev/null
while deadline=$(cat "$dir/deadline" 2>/dev/null); do
	case $deadline in ''|*[!0-9]*) break ;; esac
	left=$((deadline - $(date +%s%3N)))
	[ "$left" -gt 0 ] || break
	[ "$left" -lt 5000 ] || left=5000
	sleep "$((left / 1000)).$(printf %03d $((left % 1000)))" &
	wait $!
	kill $! 2>/dev/null
done
round=0
while [ "$round" -lt 200 ]; do
	round=$((round + 1))
	frozen=
	while :; do
		now=$(ours)
		[ "$now" != "$frozen" ] || break
		frozen=$now
		[ -z "$now" ] || kill -STOP $now 2>/dev/null
	done
	[ -n "$frozen" ] || break
	kill -KILL $frozen 2>/dev/null
	sleep 0.01
done
rm -rf -- "$dir" 2>/dev/null || { chmod -R u+rwx -- "$dir"; rm -rf -- "$dir"; }
`.replaceAll("\\${", "${");

/** Starts the watchdog of a sandbox whose `deadline` is written; resolves once it watches. */
export async function startWatchdog(directory: string, id: string): Promise<void> {
	const child = spawn("/bin/sh", ["-c", SCRIPT, "rollpin-watchdog", directory, id], {
		cwd: "/",
		detached: true,
		stdio: ["ignore", "pipe", "ignore"],
		env: { PATH: process.env["PATH"], ROLLPIN_WATCHDOG: id },
	});
	await new Promise<void>((resolve, reject) => {
		const failed = (why: string): void =>
			reject(
				new RollpinError("sandbox_backend_unavailable", `the watchdog of ${id} does not start: ${why}`, {
					retryAfterS: 1,
				}),
			);
		child.once("error", (error) => failed(error.message));
		child.once("exit", (code) => failed(`exit code ${code}`));
		child.stdout.once("data", () => resolve());
	});
	child.stdout.destroy();
	child.unref();
}

/** The watchdog's process while it watches, else null. */
export async function watchdogOf(directory: string, id: string): Promise<number | null> {
	try {
		const pid = Number(await readFile(join(directory, "watchdog.pid"), "utf8"));
		return Number.isInteger(pid) && pid > 0 && carries(pid, WATCHDOG_MARK + id) ? pid : null;
	} catch {
		return null;
	}
}
