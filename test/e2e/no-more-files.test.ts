// A medium that has room and takes no more files: what needs one is 507, the rest goes on, and so do restart and DELETE.
import { spawnSync } from "node:child_process";
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { ServedCluster } from "../support/served-cluster.js";
import { until } from "../support/wait.js";

const root = mkdtempSync(join(tmpdir(), "rollpin-files-"));
const medium = join(root, "medium");
mkdirSync(medium);
const mounted =
	spawnSync("mount", ["-t", "tmpfs", "-o", "size=400m,nr_inodes=400", "tmpfs", medium]).status === 0;
if (!mounted) process.stderr.write("skipped: no right to mount a small tmpfs, so no medium without files\n");

const data = join(medium, "data");
let cluster: ServedCluster;
let url: string;
async function serve(): Promise<void> {
	const flags = ["--port", "0", "--backends", "2", "--log-format", "json", "--data-dir", data];
	cluster = new ServedCluster(flags, { bare: true });
	({ url } = await cluster.ready());
}
afterAll(async () => {
	if (mounted) {
		await cluster.stop();
		// Lazily: a child that is just ending may still have a file of it open.
		spawnSync("umount", ["--lazy", medium]);
	}
	rmSync(root, { recursive: true, force: true });
});

type Message = { role: string; content: string };

async function chat(id: string, messages: readonly Message[]): Promise<{ status: number; message: Message }> {
	const reply = await fetch(`${url}/sessions/${id}/v1/chat/completions`, {
		method: "POST",
		headers: { "content-type": "application/json" },
		body: JSON.stringify({ model: "m", max_tokens: 8, messages }),
	});
	const body = (await reply.json()) as { choices?: Array<{ message: Message }> };
	return { status: reply.status, message: body.choices?.[0]?.message as Message };
}

function ready(status: number): Promise<unknown> {
	return until(`/ready to be ${status}`, 10_000, async () => (await fetch(`${url}/ready`)).status === status);
}

/** Until the medium takes no more. */
function useUpFiles(): void {
	const directory = join(medium, "ballast");
	mkdirSync(directory, { recursive: true });
	for (let file = 0; file < 1000; file++) {
		try {
			closeSync(openSync(join(directory, `${Math.random()}`), "w"));
		} catch {
			return;
		}
	}
	throw new Error("the medium takes any number of files");
}

test.skipIf(!mounted)(
	"without a file left: 507 for what needs one, open sessions go on; it starts again, reads and deletes; files bring it back",
	async () => {
		await serve();
		const opening = { role: "user", content: "one" };
		const first = await chat("kept", [opening]);
		expect(first.status).toBe(200);
		for (const id of ["gone", "later"]) expect((await chat(id, [opening])).status).toBe(200);
		await until(
			"spare files",
			10_000,
			() => statSync(join(data, "reserve.files", "12"), { throwIfNoEntry: false }) !== undefined,
		);
		useUpFiles();
		const next = [opening, first.message, { role: "user", content: "two" }];
		expect((await chat("kept", next)).status).toBe(200);
		expect((await chat("new", [opening])).status).toBe(507);
		await ready(503);
		for (const stop of ["SIGTERM", "SIGKILL"] as const) {
			cluster.signalGroup(stop);
			await cluster.exited;
			await serve();
			const read = await fetch(`${url}/sessions/kept`);
			expect(((await read.json()) as { records: unknown[] }).records).toHaveLength(2);
			const removed = stop === "SIGTERM" ? "gone" : "later";
			expect((await fetch(`${url}/sessions/${removed}`, { method: "DELETE" })).status).toBe(204);
			expect((await fetch(`${url}/sessions/${removed}`)).status).toBe(404);
			rmSync(join(medium, "ballast"), { recursive: true });
			await ready(200);
			expect((await chat(`new-${stop}`, [opening])).status).toBe(200);
			await until("spare files again", 10_000, async () => {
				await chat("other", [opening]);
				return statSync(join(data, "reserve.files", "12"), { throwIfNoEntry: false }) !== undefined;
			});
			useUpFiles();
		}
		expect(cluster.all("worker_exit")).toEqual([]);
	},
	90_000,
);
