// The faults of sandboxes, each played once in a real cluster with a real engine: what was done, what came of it, and whether that is right.
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { until } from "../../support/wait.js";
import { LifeWatch, type Made, type SandboxRig } from "./rig.js";

export interface Outcome {
	what: string;
	right: boolean;
}

const outcome = (right: boolean, what: string): Outcome => ({ right, what });

/** kill -9 of everything of ours, nothing is started again: how late the last sign of life is, against what was announced. */
export async function everythingKilled(rig: SandboxRig, count: number): Promise<Outcome> {
	const lifeS = 20 + 2 * count;
	const made: Made[] = [];
	const make = async (index: number) => {
		// Every fifth one is extended, every fifth one shortened.
		const one = await rig.make({ ttl_seconds: lifeS + (index % 10), max_ttl_seconds: 600 });
		if (index % 5 < 2) {
			const ttl_seconds = index % 5 === 0 ? lifeS + 15 : lifeS - 10;
			const extended = await rig.call("POST", `/sandboxes/${one.sandbox_id}/extend`, { ttl_seconds });
			one.expires_at = extended.json.expires_at;
		}
		const busy = ["sleep 1000 & sleep 1000", "while :; do :; done", "trap '' TERM; sleep 1000"][index % 3];
		if (index % 10 < 3) await rig.run(one.sandbox_id, busy ?? "", { background: true });
		made.push(one);
	};
	for (let at = 0; at < count; at += 8) {
		await Promise.all([...Array(Math.min(8, count - at)).keys()].map((each) => make(at + each)));
	}
	const watch = new LifeWatch(
		rig.engine,
		made.map(({ sandbox_id }) => sandbox_id),
	);
	await rig.killEverything();
	const seen = await watch.untilGone((lifeS + 60) * 1000);
	const late = made.map(
		({ sandbox_id, expires_at }) => ((seen.get(sandbox_id) ?? 0) - expires_at * 1000) / 1000,
	);
	const worst = Math.max(...late);
	await until("the engine to have none left", 30_000, () => rig.containers().length === 0);
	await rig.serve();
	return outcome(
		worst <= 0,
		`${count} live, all of ours killed: last sign of life ${worst.toFixed(2)} s from the announced deadline in the worst case, ${Math.min(...late).toFixed(2)} s in the best`,
	);
}

export async function muchOutput(rig: SandboxRig, gib: number): Promise<Outcome> {
	const { sandbox_id: id } = await rig.make({ ttl_seconds: 600 });
	const before = rssMib(rig.sandboxPid);
	let most = 0;
	let running = true;
	const looking = (async () => {
		while (running) {
			most = Math.max(most, rssMib(rig.sandboxPid));
			await sleep(100);
		}
	})();
	const bytes = gib * 1024 ** 3;
	const result = await rig.run(id, `head -c ${bytes} /dev/zero`, { timeout_ms: 590_000 });
	running = false;
	await looking;
	await rig.call("DELETE", `/sandboxes/${id}`);
	const { stdout_bytes, truncated, exit_code, duration_ms } = result.json;
	const right = stdout_bytes === bytes && truncated === true && exit_code === 0 && most < before + 300;
	const speed = (bytes / 1024 ** 2 / (duration_ms / 1000)).toFixed(0);
	return outcome(
		right,
		`${gib} GiB of output: ${stdout_bytes} bytes counted, cut: ${truncated}, ${speed} MiB/s, the process grew by ${most - before} MiB`,
	);
}

export async function enginePaused(rig: SandboxRig): Promise<Outcome> {
	const { sandbox_id: id } = await rig.make({ ttl_seconds: 600 });
	await rig.engine.signal("SIGSTOP");
	const startedMs = performance.now();
	const exec = await rig.run(id, "true", { timeout_ms: 5_000 });
	const took = performance.now() - startedMs;
	await rig.engine.signal("SIGCONT");
	const after = await rig.run(id, "echo back");
	await rig.call("DELETE", `/sandboxes/${id}`);
	const said = `${exec.status} ${exec.json.error?.code ?? exec.json.code}`;
	const right = exec.status === 503 && took < 10_000;
	return outcome(
		right && after.json.stdout === "back\n",
		`engine stopped (SIGSTOP): a command is answered ${said} after ${(took / 1000).toFixed(1)} s; after SIGCONT it runs: ${after.status}`,
	);
}

export async function engineKilled(rig: SandboxRig): Promise<Outcome> {
	const { sandbox_id: id } = await rig.make({ ttl_seconds: 600 });
	const under = rig.run(id, "sleep 60");
	await until("it to run", 10_000, async () =>
		(await rig.run(id, "cat /proc/[0-9]*/cmdline")).text.includes("60"),
	);
	await rig.engine.signal("SIGKILL");
	const cut = await under;
	const away = await rig.call("POST", "/sandboxes", { ttl_seconds: 60 });
	await rig.engine.start();
	const after = await rig.run(id, "true");
	const made = await rig.make({ ttl_seconds: 60 });
	await rig.call("DELETE", `/sandboxes/${made.sandbox_id}`);
	await until("the engine to have none left", 60_000, () => rig.containers().length === 0);
	const codes = [cut, away, after].map(({ status, json }) => `${status} ${json.error?.code ?? ""}`.trim());
	const right = [cut, away].every(({ status }) => status === 503 || status === 410) && after.status !== 200;
	return outcome(
		right,
		`engine killed under a command: ${codes[0]}; a create meanwhile: ${codes[1]}; restarted (it ends its containers): ${codes[2]}, new ones are made`,
	);
}

export async function createsAgainstDeletes(rig: SandboxRig, count: number): Promise<Outcome> {
	const race = async (index: number) => {
		const labels = { race: String(index) };
		const making = rig.call("POST", "/sandboxes", { ttl_seconds: 60, labels });
		await sleep(index * 15);
		await rig.call("DELETE", `/sandboxes?label=race=${index}`);
		const made = await making;
		// One that the delete came too early for.
		if (made.status === 201) await rig.call("DELETE", `/sandboxes/${made.json.sandbox_id}`);
		return made.status;
	};
	const statuses = await Promise.all([...Array(count).keys()].map(race));
	const left = await until("none to be left", 30_000, () => (rig.containers().length === 0 ? "none" : null));
	const wrong = statuses.filter((status) => status !== 201 && status !== 404 && status !== 410);
	return outcome(
		wrong.length === 0,
		`${count} creates against deletes: ${tally(statuses)}; left at the engine: ${left}`,
	);
}

export async function sandboxProcessKilledInCreate(rig: SandboxRig, rounds: number): Promise<Outcome> {
	const statuses: number[] = [];
	const ids = new Set<string>();
	for (let round = 0; round < rounds; round++) {
		const headers = { "idempotency-key": `killed-${round}` };
		const body = { ttl_seconds: 90, labels: { killed: "1" } };
		const making = rig.call("POST", "/sandboxes", body, headers).then(({ status }) => status);
		await sleep(20 + round * 60);
		const pid = rig.sandboxPid;
		process.kill(pid, "SIGKILL");
		statuses.push(await making.catch(() => 0));
		await until("a successor", 20_000, () => rig.sandboxPid !== pid);
		// The same key again: the same sandbox, made once.
		const again = await until("the same create to be answered", 30_000, async () => {
			const answer = await rig.call("POST", "/sandboxes", body, headers);
			return answer.status === 201 ? answer : null;
		});
		ids.add(again.json.sandbox_id);
	}
	const found = rig.containers().length;
	await rig.call("DELETE", "/sandboxes?label=killed=1");
	await until("none to be left", 60_000, () => rig.containers().length === 0);
	return outcome(
		ids.size === rounds && found >= rounds,
		`sandbox process killed in ${rounds} creates: answered ${tally(statuses)}, then 201 under the same key; ${found} containers for ${ids.size} sandboxes, none left after the delete`,
	);
}

export async function sandboxProcessKilledInExec(rig: SandboxRig): Promise<Outcome> {
	const { sandbox_id: id } = await rig.make({ ttl_seconds: 120 });
	const under = rig.run(id, "echo > up; sleep 60").then(
		({ status }) => status,
		() => 0,
	);
	await until("it to run", 10_000, async () => (await rig.run(id, "test -e up")).json.exit_code === 0);
	const pid = rig.sandboxPid;
	process.kill(pid, "SIGKILL");
	const cut = await under;
	await until("a successor", 20_000, () => rig.sandboxPid !== pid);
	const after = await until("an answer", 20_000, async () => {
		const answer = await rig.run(id, "cat up && echo here");
		return answer.status === 200 ? answer : null;
	});
	await rig.call("DELETE", `/sandboxes/${id}`);
	return outcome(
		cut !== 200 && after.json.stdout === "\nhere\n",
		`sandbox process killed under a command: answered ${cut === 0 ? "by a cut connection" : cut}; the sandbox and its files are there for the next`,
	);
}

function rssMib(pid: number): number {
	const [, kib = "0"] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
	return Math.round(Number(kib) / 1024);
}

function tally(statuses: readonly number[]): string {
	const counts = new Map<number, number>();
	for (const status of statuses) counts.set(status, (counts.get(status) ?? 0) + 1);
	return [...counts].map(([status, count]) => `${count}x ${status === 0 ? "cut" : status}`).join(", ");
}
