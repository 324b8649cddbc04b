// The breaker on a real worker over a real socket: it opens on refused connections, spares the engine, and closes again.
import { afterAll, beforeAll, expect, test } from "vitest";
import { until } from "../support/wait.js";
import { startRig, type WorkerRig } from "../support/worker-rig.js";

let rig: WorkerRig;
beforeAll(async () => {
	rig = await startRig();
});
afterAll(() => rig.close());

const CHAT = { model: "m", max_tokens: 4, messages: [{ role: "user", content: "hello" }] };

test("five failures in a row open it, chats are refused with Retry-After, one success closes it", async () => {
	const id = await rig.create();
	await rig.control.listen(false);
	await rig.control.closeConnections("all");
	for (let failure = 1; failure <= 5; failure += 1) {
		expect((await rig.chat(id, CHAT)).json.error?.code).toBe("upstream_unreachable");
	}
	expect((await rig.figures()).breaker_open).toBe(1);
	const refused = await rig.chat(id, CHAT);
	expect(refused.status).toBe(503);
	expect(refused.json.error?.code).toBe("upstream_breaker_open");
	expect(Number(refused.headers["retry-after"])).toBeGreaterThanOrEqual(1);
	expect(rig.events.filter(({ event }) => event === "breaker_opened")).toMatchObject([
		{ fields: { failures: 5 } },
	]);
	// A refused chat is no exchange: it has no transport error in the log.
	expect(rig.events.filter(({ event }) => event === "proxy_transport_error")).toHaveLength(5);

	await rig.control.listen(true);
	const good = await until("the probe", 3_000, async () => {
		const answer = await rig.chat(id, CHAT);
		return answer.status === 200 && answer;
	});
	expect((await rig.figures()).breaker_open).toBe(0);
	expect(good.json.choices[0]?.message.role).toBe("assistant");
	expect(rig.events.filter(({ event }) => event === "breaker_closed")).toHaveLength(1);
	expect((await rig.request("GET", `/sessions/${id}`)).json.records).toHaveLength(1);
});

test("statuses of the engine's own do not open it", async () => {
	const id = await rig.create();
	for (const status of [500, 503, 429, 400, 500, 500, 503]) {
		await rig.control.script({ status, body: "{}" });
		expect((await rig.chat(id, CHAT)).status).toBe(status);
	}
	expect((await rig.chat(id, CHAT)).status).toBe(200);
});
