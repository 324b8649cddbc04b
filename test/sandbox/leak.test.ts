// Everything of ours is killed and nothing starts again: by its announced end nothing of any sandbox runs.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, it } from "vitest";
import { ask } from "../support/sandbox-cluster.js";
import { ServedCluster } from "../support/served-cluster.js";
import { until } from "../support/wait.js";

const SANDBOXES = 12;
const TTL_S = 6;
let cluster: ServedCluster;
const signs = mkdtempSync(join(tmpdir(), "rollpin-signs-"));
afterEach(async () => {
	await cluster.stop();
	rmSync(signs, { recursive: true, force: true });
});

it("gives no sandbox a sign of life after its announced end", async () => {
	cluster = new ServedCluster(["--sandbox", "local"]);
	const { url } = await cluster.ready();
	const ends = new Map<string, number>();
	const make = async (): Promise<void> => {
		const { json } = await ask(url, "POST", "/sandboxes", { ttl_seconds: TTL_S });
		const id = json.sandbox_id as string;
		ends.set(id, json.expires_at * 1000);
		// Each in a way of its own to outlive what started it.
		const sign = `while :; do date +%s%3N > ${signs}/$0.new && mv ${signs}/$0.new ${signs}/$0; sleep 0.2; done`;
		const ways = [
			`bash -c '${sign}' ${id} &`,
			`(setsid bash -c '${sign}' ${id} &)`,
			`(env -i PATH=$PATH setsid nohup bash -c '${sign}' ${id} &)`,
		];
		const cmd = `trap "" TERM HUP\n${ways[ends.size % ways.length]}\nsleep 0`;
		expect((await ask(url, "POST", `/sandboxes/${id}/exec`, { cmd })).json.exit_code).toBe(0);
	};
	await Promise.all(Array.from({ length: SANDBOXES }, make));
	await until("a sign of each", 10_000, () =>
		[...ends.keys()].every((id) => readdirSync(signs).includes(id)),
	);
	cluster.signalGroup("SIGKILL");
	await cluster.exited;
	const root = join(cluster.tempDir, `rollpin-sandboxes-${process.geteuid?.() ?? 0}`);
	expect(readdirSync(root)).toHaveLength(SANDBOXES);
	const lastMs = Math.max(...ends.values());
	await until("the last announced end", 30_000, () => Date.now() > lastMs);
	const lateMs = [...ends].map(([id, endMs]) => Number(readFileSync(join(signs, id), "utf8")) - endMs);
	expect(Math.max(...lateMs)).toBeLessThanOrEqual(0);
	await until("the directories to be gone", 10_000, () => readdirSync(root).length === 0);
});
