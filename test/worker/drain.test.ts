// The end of a worker's drain time: what still runs is told so, nothing of it is kept, and the engine is not blamed.
import { request } from "node:http";
import { afterEach, expect, test } from "vitest";
import { until, within } from "../support/wait.js";
import { startRig, type WorkerRig } from "../support/worker-rig.js";

let rig: WorkerRig;
afterEach(() => rig.close());

const ask = (content: string) => ({ model: "m", max_tokens: 8, messages: [{ role: "user", content }] });

/** A chat whose body never comes to its end. */
function halfAsked(id: string): { status: Promise<number | undefined>; arrived: () => Promise<void> } {
	const target = {
		socketPath: rig.socketPath(),
		method: "POST",
		path: `/sessions/${id}/v1/chat/completions`,
	};
	const asking = request({
		...target,
		headers: { "content-type": "application/json", "content-length": 100 },
	});
	asking.on("error", () => undefined);
	asking.write('{"messages":');
	return {
		status: new Promise((resolve) => {
			asking.once("response", ({ statusCode }) => resolve(statusCode));
			asking.once("close", () => resolve(undefined));
		}),
		arrived: () =>
			until("the half body", 5_000, async () => (await rig.figures()).inflight === 3).then(() => undefined),
	};
}

test.each(["cancel", "commit"] as const)(
	"chats that outlast it are 503 draining, wherever they are; with --on-disconnect %s",
	async (onDisconnect) => {
		rig = await startRig({ onDisconnect });
		const id = await rig.create();
		const other = await rig.create();
		await rig.control.script({ gate: "held" });
		const running = rig.chat(id, ask("one"));
		await rig.control.arrivedAtGate("held");
		const waiting = rig.chat(id, ask("two"));
		const half = halfAsked(other);
		await half.arrived();
		const before = rig.events.length;
		await within("the drain", 5_000, rig.worker.drain(1));
		for (const answer of [await running, await waiting]) {
			expect(answer.status).toBe(503);
			expect(answer.json).toMatchObject({ error: { code: "draining" } });
			expect(answer.headers["retry-after"]).toBe("5");
		}
		expect(await half.status).toBe(503);
		const said = rig.events.slice(before);
		expect(
			said
				.filter(({ event }) => event === "chat_done")
				.map(({ fields }) => [fields["status"], fields["code"]]),
		).toEqual([
			[503, "draining"],
			[503, "draining"],
			[503, "draining"],
		]);
		expect(said.map(({ event }) => event).filter((event) => !event.startsWith("chat_"))).toEqual([]);
		const outcomes = ["cancelled", "failed", "unreachable", "timeout", "invalid"].map(
			(outcome) => rig.metrics.engine_requests_total.at(rig.engineUrl, outcome).value,
		);
		expect(outcomes).toEqual([1, 0, 0, 0, 0]);
		await rig.restart();
		expect((await rig.request("GET", `/sessions/${id}`)).json).toMatchObject({ records: [] });
	},
);
