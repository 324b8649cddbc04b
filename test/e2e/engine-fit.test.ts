// Engines that cannot be used, as an operator meets them: at the start, by name, with an exit code.
import { once } from "node:events";
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { startSimEngine } from "../../src/sim/server.js";
import { QWEN3_TEMPLATE } from "../../src/tito/families/qwen3-template.js";
import { ServedCluster } from "../support/served-cluster.js";
import { until, within } from "../support/wait.js";
import { TOY_CHECKPOINT } from "../support/worker-rig.js";

const cleanups: Array<() => Promise<unknown> | unknown> = [];
afterEach(async () => {
	for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function endOf(args: string[]): Promise<{ code: number | null; line: string }> {
	const cluster = new ServedCluster(args);
	cleanups.push(() => cluster.child.kill("SIGKILL"));
	const { code } = await within("the end", 30_000, cluster.exited);
	return { code, line: cluster.records.find(({ event }) => event === "start_failed")?.msg ?? cluster.stderr };
}

async function answering(path: string, body: string): Promise<string> {
	const server = createServer((request, response) => {
		response.statusCode = request.url === path ? 200 : 404;
		response.end(request.url === path ? body : "");
	}).listen(0, "127.0.0.1");
	await once(server, "listening");
	cleanups.push(() => server.close());
	return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test.each([
	[
		"SGLang before 0.5.13",
		"/server_info",
		'{"version":"0.5.12"}',
		"it is SGLang 0.5.12, whose chats have no input_ids; 0.5.13 is the first",
	],
	[
		"sglang-router",
		"/get_server_info",
		'{"router_manager":true}',
		"it is sglang-router, which drops input_ids",
	],
])("%s ends the start, by name", async (_name, path, body, reason) => {
	const url = await answering(path, body);
	const args = ["--upstream", url, "--checkpoint", TOY_CHECKPOINT, "--tito-model", "qwen3"];
	const { code, line } = await endOf(args);
	expect(line).toContain(reason);
	expect(code).toBe(2);
});

test("one that takes the place of another under way is told by /health and /ready, and so is a fit one after it, without a chat", async () => {
	const said = { version: "0.5.23" };
	const server = createServer((request, response) => {
		if (request.url === "/server_info") response.end(JSON.stringify(said));
		else request.socket.destroy();
	}).listen(0, "127.0.0.1");
	await once(server, "listening");
	cleanups.push(() => server.close());
	const upstream = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
	const cluster = new ServedCluster(
		[
			"--port",
			"0",
			"--backends",
			"1",
			"--store",
			"memory",
			"--upstream",
			upstream,
			"--checkpoint",
			TOY_CHECKPOINT,
		],
		{ bare: true },
	);
	cleanups.push(() => cluster.stop());
	const { url } = await cluster.ready();
	const chat = async (): Promise<string> => {
		const reply = await fetch(`${url}/sessions/a/v1/chat/completions`, {
			method: "POST",
			headers: { "content-type": "application/json" },
			body: JSON.stringify({ model: "m", messages: [{ role: "user", content: "hello" }] }),
		});
		return ((await reply.json()) as { error: { code: string } }).error.code;
	};
	const ready = async () =>
		(await (await fetch(`${url}/ready`)).json()) as { ready: boolean; reasons: string[] };
	said.version = "0.5.12";
	await until("it to be found out", 20_000, async () => (await chat()) === "upstream_unfit");
	await until("/ready to say so", 5_000, async () =>
		(await ready()).reasons.includes("no engine can be used"),
	);
	const health = await fetch(`${url}/health`);
	expect(await health.json()).toMatchObject({ status: "degraded", checks: { engine: "failing" } });
	said.version = "0.5.23";
	await until("/ready to take it back", 10_000, async () => (await ready()).ready);
}, 60_000);

test("with --engine-check refuse an engine that renders otherwise ends the start with the finding", async () => {
	const dir = mkdtempSync(join(tmpdir(), "rollpin-fit-"));
	cleanups.push(() => rmSync(dir, { recursive: true }));
	cpSync(TOY_CHECKPOINT, dir, { recursive: true });
	writeFileSync(join(dir, "chat_template.jinja"), QWEN3_TEMPLATE);
	const engine = await startSimEngine({ checkpointDir: dir });
	cleanups.push(() => engine.close());
	const args = ["--upstream", engine.url, "--checkpoint", dir, "--tito-model"];
	const { code, line } = await endOf([...args, "qwen35", "--engine-check", "refuse"]);
	expect(line).toMatch(
		/--engine-check refuse: .* to other ids from token \d+ on: .*--tito-model is not the model's family/,
	);
	expect(code).toBe(2);
	const cluster = new ServedCluster([...args, "qwen3", "--engine-check", "refuse"]);
	cleanups.push(() => cluster.child.kill("SIGKILL"));
	const { url } = await cluster.ready();
	expect(await (await fetch(`${url}/health`)).json()).toMatchObject({ checks: { engine_check: "ok" } });
});
