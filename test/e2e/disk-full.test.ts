// A data dir on a medium that fills up: 507 without an ack, reads go on, recovery by itself. Needs the right to mount.
import { spawnSync } from "node:child_process";
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, statfsSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ServedCluster } from "../support/served-cluster.js";
import { until } from "../support/wait.js";

const MIB = 1024 * 1024;
const root = mkdtempSync(join(tmpdir(), "rollpin-full-"));
const medium = join(root, "medium");
mkdirSync(medium);
const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=160m", "tmpfs", medium]).status === 0;
if (!mounted)
	process.stderr.write("skipped: no right to mount a small tmpfs, so no medium that can be filled\n");

const data = join(medium, "data");
const flags = ["--port", "0", "--backends", "2", "--log-format", "json", "--data-dir", data];
let cluster: ServedCluster;
let url: string;
async function serve(): Promise<void> {
	cluster = new ServedCluster(flags, { bare: true });
	({ url } = await cluster.ready());
}
beforeAll(async () => {
	if (mounted) await serve();
});
afterAll(async () => {
	if (mounted) {
		await cluster.stop();
		// Lazily: a child that is just ending may still have a file of it open.
		spawnSync("umount", ["--lazy", medium]);
	}
	rmSync(root, { recursive: true, force: true });
});

type Message = { role: string; content: string };

async function chat(
	id: string,
	messages: Message[],
): Promise<{ status: number; code: unknown; message: Message }> {
	const reply = await fetch(`${url}/sessions/${id}/v1/chat/completions`, {
		method: "POST",
		headers: { "content-type": "application/json" },
		body: JSON.stringify({ model: "m", max_tokens: 8, messages }),
	});
	const body = (await reply.json()) as { choices?: Array<{ message: Message }>; error?: { code: string } };
	return { status: reply.status, code: body.error?.code, message: body.choices?.[0]?.message as Message };
}

const recordsOf = async (id: string): Promise<unknown[]> => {
	const reply = await fetch(`${url}/sessions/${id}`);
	expect(reply.status).toBe(200);
	return ((await reply.json()) as { records: unknown[] }).records;
};

/** The reserve is made behind the first look at the medium: whoever fills it before that fills against the cluster. */
const untilReserved = (meanwhile?: () => Promise<unknown>) =>
	until("the reserve", 20_000, async () => {
		await meanwhile?.();
		return statSync(join(data, "reserve"), { throwIfNoEntry: false })?.size === 8 * MIB;
	});

test.skipIf(!mounted)(
	"a full medium refuses turns with 507 and keeps none of them; reads go on; room brings it back by itself",
	async () => {
		const opening = { role: "user", content: "one" };
		const first = await chat("full", [opening]);
		expect(first.status).toBe(200);
		const next = [opening, first.message, { role: "user", content: "two" }];
		await untilReserved();
		const ballast = join(medium, "ballast");
		const { bavail, bsize } = statfsSync(medium);
		writeFileSync(ballast, Buffer.alloc(bavail * bsize - 2 * MIB));
		const refused = await until("507", 5_000, async () => {
			const reply = await chat("full", next);
			return reply.status === 507 && reply;
		});
		expect(refused.code).toBe("store_full");
		const kept = await recordsOf("full");
		expect((await chat("full", next)).status).toBe(507);
		expect(await recordsOf("full")).toEqual(kept);
		expect(cluster.all("worker_exit")).toEqual([]);

		rmSync(ballast);
		const back = await until("room again", 5_000, async () => {
			const reply = await chat("full", next);
			return reply.status === 200 && reply;
		});
		const third = [...next, back.message, { role: "user", content: "three" }];
		expect((await chat("full", third)).status).toBe(200);
		expect(await recordsOf("full")).toHaveLength(3);
		expect(cluster.all("worker_exit")).toEqual([]);
	},
	60_000,
);

test.skipIf(!mounted)(
	"without a byte left on the medium it starts, reads and deletes, which gives room back; what was begun stays refused",
	async () => {
		const opening = { role: "user", content: "one" };
		const ids = ["kept", "gone", "later"];
		for (const id of ids) expect((await chat(id, [opening])).status).toBe(200);
		await untilReserved();
		const ballast = join(medium, "ballast");
		const fill = () => {
			const { bavail, bsize } = statfsSync(medium);
			appendFileSync(ballast, Buffer.alloc(bavail * bsize));
		};
		fill();
		expect(statfsSync(medium).bavail).toBe(0);
		const gone = await fetch(`${url}/sessions/gone`, { method: "DELETE" });
		expect(gone.status).toBe(204);
		expect(await recordsOf("kept")).toHaveLength(1);
		for (const stop of ["SIGTERM", "SIGKILL"] as const) {
			if (stop === "SIGTERM") cluster.signal(stop);
			else cluster.signalGroup(stop);
			await cluster.exited;
			fill();
			await serve();
			expect(await recordsOf("kept")).toHaveLength(1);
			expect((await fetch(`${url}/sessions/gone`)).status).toBe(404);
			expect((await chat("kept", [opening, { role: "user", content: "two" }])).status).toBe(507);
			expect(await recordsOf("kept")).toHaveLength(1);
		}
		expect((await fetch(`${url}/sessions/later`, { method: "DELETE" })).status).toBe(204);
		expect((await fetch(`${url}/sessions/later`)).status).toBe(404);
		expect(cluster.all("worker_exit")).toEqual([]);
		rmSync(ballast);
		await untilReserved(() => chat("kept", [opening]));
	},
	120_000,
);
