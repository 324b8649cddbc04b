// An engine that cannot be reached: /health, the heartbeat and /metrics say so at once, and when it answers again.
import { afterEach, expect, test } from "vitest";
import { runRollpin } from "../support/run-rollpin.js";
import { metricsLine } from "../support/scrape.js";
import { ServedCluster } from "../support/served-cluster.js";
import { until } from "../support/wait.js";

let cluster: ServedCluster | undefined;
afterEach(() => cluster?.stop());

const ON_0 = "0".repeat(32);

test("/health says that the engine is unreachable, stays 200, and takes it back with the first answer", async () => {
	// No heartbeat comes in time: what is told is told when it happens.
	cluster = new ServedCluster(["--heartbeat-interval", "3600"]);
	const { url } = await cluster.ready();
	const control = cluster.sim;
	const engine = String(cluster.all("sim_engine")[0]?.["url"]);
	const health = async () => {
		const reply = await fetch(`${url}/health`);
		const { status, upstream } = (await reply.json()) as { status: string; upstream: string };
		return { code: reply.status, status, upstream };
	};
	const healthSays = (upstream: string) =>
		until(`/health to say ${upstream}`, 20_000, async () => {
			const now = await health();
			return now.upstream === upstream && now;
		});
	const chat = () =>
		fetch(`${url}/sessions/${ON_0}/v1/chat/completions`, {
			method: "POST",
			headers: { "content-type": "application/json" },
			body: JSON.stringify({ model: "m", max_tokens: 4, messages: [{ role: "user", content: "hello" }] }),
		});
	expect((await chat()).status).toBe(200);
	expect(await health()).toEqual({ code: 200, status: "ok", upstream: "ok" });

	await control.listen(false);
	await control.closeConnections("all");
	await until("the breaker to open", 10_000, async () => (await chat()).status === 503);
	expect(await healthSays("unreachable")).toEqual({ code: 200, status: "degraded", upstream: "unreachable" });
	await metricsLine(url, `rollpin_breaker_open{upstream="${engine}",worker="0"} 1`);
	await metricsLine(url, `rollpin_breaker_open{upstream="${engine}",worker="1"} 0`);
	const { stdout } = await runRollpin(["top", "--url", url, "--once"]);
	const lines = stdout.split("\n").filter((line) => line.includes("engine unreachable"));
	expect(lines.filter((line) => line.startsWith("NOT OK: "))).toHaveLength(1);
	expect(lines.filter((line) => !line.startsWith("NOT OK: "))).toHaveLength(1);

	await control.listen(true);
	await until("the probe", 10_000, async () => (await chat()).status === 200);
	expect(await healthSays("ok")).toEqual({ code: 200, status: "ok", upstream: "ok" });
	await metricsLine(url, `rollpin_breaker_open{upstream="${engine}",worker="0"} 0`);

	await control.listen(false);
	await control.closeConnections("all");
	await until("the breaker to open", 10_000, async () => (await chat()).status === 503);
	expect(await healthSays("unreachable")).toMatchObject({ status: "degraded" });
	await control.listen(true);
	// No chat comes any more, and none is needed to find that it is back.
	expect(await healthSays("ok")).toEqual({ code: 200, status: "ok", upstream: "ok" });
	await metricsLine(url, `rollpin_breaker_open{upstream="${engine}",worker="0"} 0`);
	await metricsLine(url, `rollpin_engine_up{upstream="${engine}",worker="0"} 1`);
}, 60_000);
