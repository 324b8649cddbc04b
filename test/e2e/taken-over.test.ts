// A cluster that stood still while another machine took its data dir over: it acknowledges nothing afterwards, says why, and ends.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { moveToAnotherMachine } from "../support/lock-holder.js";
import { ServedCluster } from "../support/served-cluster.js";
import { within } from "../support/wait.js";

const root = mkdtempSync(join(tmpdir(), "rollpin-taken-over-"));
const data = join(root, "data");
const flags = ["--port", "0", "--backends", "2", "--log-format", "json", "--data-dir", data];
const clusters: ServedCluster[] = [];
afterEach(async () => {
	for (const cluster of clusters) {
		// SIGKILL ends a stopped process, too.
		await cluster.stop();
	}
	rmSync(root, { recursive: true, force: true });
});

function serve(): ServedCluster {
	const cluster = new ServedCluster(flags, { bare: true });
	clusters.push(cluster);
	return cluster;
}

type Message = { role: string; content: string };
const opening: Message = { role: "user", content: "one" };

/** Status 0 when the connection broke. */
async function chat(url: string, id: string, messages: Message[]): Promise<{ status: number; body: string }> {
	try {
		const reply = await fetch(`${url}/sessions/${id}/v1/chat/completions`, {
			method: "POST",
			headers: { "content-type": "application/json" },
			body: JSON.stringify({ model: "m", max_tokens: 8, messages }),
		});
		return { status: reply.status, body: await reply.text() };
	} catch (error) {
		return { status: 0, body: String(error) };
	}
}

const turnsOf = async (url: string, id: string): Promise<number> =>
	((await (await fetch(`${url}/sessions/${id}`)).json()) as { records: unknown[] }).records.length;

test("a stopped cluster that another machine succeeded acknowledges no turn when it goes on, and ends with the reason", async () => {
	const old = serve();
	const { url: oldUrl } = await old.ready();
	const first = await chat(oldUrl, "kept", [opening]);
	expect(first.status).toBe(200);
	const answer = (JSON.parse(first.body) as { choices: Array<{ message: Message }> }).choices[0]?.message;
	const next = [opening, answer as Message, { role: "user", content: "two" }];

	old.signalGroup("SIGSTOP");
	moveToAnotherMachine(data);
	const successor = serve();
	// The lease, and the start of a cluster on a busy machine.
	await successor.event("cluster_ready", 60_000);
	const { url } = await successor.ready();
	expect(successor.stderr).toMatch(
		/warning: .* on host elsewhere, which can't be reached from here: watching/,
	);
	expect(await turnsOf(url, "kept")).toBe(1);
	expect((await chat(url, "kept", next)).status).toBe(200);

	// Sent while it stands still: it goes on with these before its primary can have looked at the lock.
	const late = ["kept", ...Array.from({ length: 8 }, (_, index) => `late-${index}`)].map((id) =>
		chat(oldUrl, id, id === "kept" ? next : [opening]),
	);
	old.signalGroup("SIGCONT");
	for (const { status, body } of await within("the late chats", 20_000, Promise.all(late)))
		expect(status, body).not.toBe(200);
	expect(await within("the old cluster's end", 20_000, old.exited)).toEqual({ code: 1, signal: null });
	expect(old.all("shutdown")).toMatchObject([
		{
			exit_code: 1,
			reason: expect.stringMatching(/was taken over by process \d+ on host .*; this one ends/),
		},
	]);

	expect(await turnsOf(url, "kept")).toBe(2);
	expect((await chat(url, "late-0", [opening])).status).toBe(200);
	expect(await turnsOf(url, "late-0")).toBe(1);
}, 120_000);
