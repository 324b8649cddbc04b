// A part of the data dir that cannot be served: told by the heartbeat, /health and /metrics, while the others serve.
import { mkdtempSync, rmSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import type { Partition } from "../../src/base/ids.js";
import { PartitionMap } from "../../src/base/partitions.js";
import { ownerFile, partitionDirectory } from "../../src/store/disk/names.js";
import { runRollpin } from "../support/run-rollpin.js";
import { metricsLine } from "../support/scrape.js";
import { ServedCluster } from "../support/served-cluster.js";
import { until, within } from "../support/wait.js";

const BACKENDS = 2;
/** Of the first worker two, of the second one. */
const CUT = [0, 2, 1] as Partition[];

const root = mkdtempSync(join(tmpdir(), "rollpin-refused-"));
const data = join(root, "data");
const flags = ["--port", "0", "--backends", `${BACKENDS}`, "--log-format", "json", "--data-dir", data];
let cluster: ServedCluster | undefined;
afterEach(async () => {
	await cluster?.stop();
	rmSync(root, { recursive: true, force: true });
});

/** A minted id of a partition. */
const idIn = (partition: number) => `${partition.toString(16).padStart(2, "0")}${"0".repeat(30)}`;

test("refused partitions are counted in the heartbeat, /health and /metrics, and the others serve", async () => {
	cluster = new ServedCluster(flags, { bare: true });
	const { url: before } = await cluster.ready();
	expect(await (await fetch(`${before}/health`)).json()).toMatchObject({ partitions_refused: 0 });
	cluster.signal("SIGTERM");
	await within("the end of the first cluster", 20_000, cluster.exited);
	for (const partition of CUT) truncateSync(ownerFile(partitionDirectory(data, partition)), 10);

	cluster = new ServedCluster(flags, { bare: true });
	const { url } = await cluster.ready();
	const refused = [0, 1].map(
		(worker) => CUT.filter((partition) => new PartitionMap(BACKENDS).ownerOf(partition) === worker).length,
	);
	expect(refused).toEqual([2, 1]);
	for (const [worker, count] of refused.entries()) {
		const beat = await cluster.event("heartbeat", 5_000, (record) => record["worker"] === worker);
		expect(beat["partitions_refused"]).toBe(count);
	}
	const health = await until("the heartbeats in /health", 5_000, async () => {
		const reply = await fetch(`${url}/health`);
		const body = (await reply.json()) as { partitions_refused: number; status: string };
		return body.partitions_refused === CUT.length && { ...body, code: reply.status };
	});
	expect(health).toMatchObject({ code: 200, status: "degraded" });
	expect(health).toMatchObject({ checks: { store: "refused" } });
	expect(await cluster.event("check_changed")).toMatchObject({ check: "store", from: "ok", to: "refused" });
	expect((await fetch(`${url}/ready`)).status).toBe(200);
	const status = await runRollpin(["status", "--url", url]);
	expect([status.code, status.stdout]).toEqual([1, expect.stringContaining("NOT OK: store refused")]);
	await metricsLine(url, 'rollpin_partitions_refused{worker="0"} 2');
	await metricsLine(url, 'rollpin_partitions_refused{worker="1"} 1');

	const told = await fetch(`${url}/sessions/${idIn(0)}`);
	expect([told.status, ((await told.json()) as { error: { code: string } }).error.code]).toEqual([
		503,
		"partition_refused",
	]);
	expect((await fetch(`${url}/sessions/${idIn(4)}`)).status).toBe(200);
}, 60_000);
