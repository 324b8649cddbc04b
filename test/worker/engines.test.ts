// A worker's engines: each session's requests go to the engine that the directory names, and nothing assumes one URL.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "undici";
import { expect, onTestFinished, test } from "vitest";
import { systemClock } from "../../src/base/clock.js";
import type { WorkerIndex } from "../../src/base/ids.js";
import { SimControl } from "../../src/sim/control/control-client.js";
import { startSimEngine } from "../../src/sim/server.js";
import { createMemoryStore } from "../../src/store/memory/memory-store.js";
import { createMetrics } from "../../src/telemetry/metrics/metrics.js";
import { createTito } from "../../src/tito/create.js";
import { EngineTally } from "../../src/worker/engine-tally.js";
import { connectEngine, type EngineDirectory } from "../../src/worker/engines.js";
import { startWorker } from "../../src/worker/worker.js";
import { clusterConfig } from "../support/cluster-config.js";
import { chatsSeen, TOY_CHECKPOINT } from "../support/worker-rig.js";

test("with two engines a session's chats and questions go to its own, and what fails is logged with its URL", async () => {
	const dir = mkdtempSync(join(tmpdir(), "rollpin-engines-"));
	onTestFinished(() => rmSync(dir, { recursive: true }));
	const socketPath = join(dir, "w.sock");
	const sims = [
		await startSimEngine({ checkpointDir: TOY_CHECKPOINT }),
		await startSimEngine({ checkpointDir: TOY_CHECKPOINT }),
	];
	for (const sim of sims) onTestFinished(() => sim.close());
	const events: Array<{ event: string; fields: object }> = [];
	const logger = {
		event: (event: string, fields: object) => void events.push({ event, fields: { ...fields } }),
		flush: async () => undefined,
	};
	const config = clusterConfig({ backends: 1, checkpointDir: TOY_CHECKPOINT, upstream: null });
	const both = sims.map(({ url }) => {
		const client = connectEngine({ ...config, upstream: url }, logger, () => undefined);
		return { client, gate: null, tally: new EngineTally(client) };
	});
	const engines: EngineDirectory = {
		of: (session) => both[session.startsWith("b") ? 1 : 0] ?? expect.fail("no such engine"),
		all: () => both,
		close: async () => void (await Promise.all(both.map(({ client }) => client.close()))),
	};
	const worker = await startWorker({
		index: 0 as WorkerIndex,
		config,
		address: { kind: "socket", path: socketPath },
		store: createMemoryStore({ tombstones: config.tombstones }),
		tito: await createTito({
			checkpointDir: TOY_CHECKPOINT,
			chatTemplateFile: null,
			chatTemplateKwargs: new Map(),
			titoModel: "default",
		}),
		logger,
		metrics: createMetrics("worker"),
		clock: systemClock,
		engines,
	});
	onTestFinished(() => worker.drain(1_000));
	const http = new Client("http://worker", { socketPath });
	onTestFinished(() => http.close());
	const post = async (path: string, body: object) => {
		const reply = await http.request({
			method: "POST",
			path,
			headers: { "content-type": "application/json" },
			body: JSON.stringify(body),
		});
		await reply.body.dump();
		return reply.statusCode;
	};
	const chat = (id: string) =>
		post(`/sessions/${id}/v1/chat/completions`, { messages: [{ role: "user", content: `hello ${id}` }] });

	expect([await chat("a1"), await chat("b1"), await chat("b2")]).toEqual([200, 200, 200]);
	const seen = await Promise.all(sims.map(({ controlUrl }) => chatsSeen(new SimControl(controlUrl))));
	expect(seen.map((chats) => chats.map(({ body }) => /hello \w+/.exec(body.toString())?.[0]))).toEqual([
		["hello a1"],
		["hello b1", "hello b2"],
	]);
	expect(await post("/sessions/b1/verify", {})).toBe(200);
	const scored = await Promise.all(
		sims.map(async ({ controlUrl }) =>
			(await new SimControl(controlUrl).requests()).filter(({ target }) => target === "/generate"),
		),
	);
	expect(scored.map(({ length }) => length)).toEqual([0, 1]);

	await sims[1]?.close();
	expect([await chat("b1"), await chat("a1")]).toEqual([502, 200]);
	expect(events.filter(({ event }) => event === "proxy_transport_error")).toMatchObject([
		{ fields: { url: sims[1]?.url } },
	]);
	for (let failures = 1; failures < 5; failures++) await chat("b1");
	const figures = await worker.figures({ uptimeS: 1, takeLoopLagP99Ms: () => 0, partitionsRefused: 0 });
	expect(figures.breaker_open).toBe(1);
	expect(events.filter(({ event }) => event === "breaker_opened")).toMatchObject([
		{ fields: { url: sims[1]?.url } },
	]);
	expect(await chat("a1")).toBe(200);
});
