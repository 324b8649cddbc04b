// A worker that gets no new sessions, as the router hears of it: asked for, answered when it is so, and routed by.
import { afterEach, expect, test } from "vitest";
import { type RouterRig, startRouter } from "../support/router-rig.js";
import { until } from "../support/wait.js";

let rig: RouterRig;
afterEach(() => rig?.close());

const post = (path: string, headers: Record<string, string> = {}) =>
	fetch(rig.url + path, { method: "POST", headers });
const named = (index: number) => (_req: unknown, res: { end: (text: string) => void }) =>
	res.end(`w${index}`);

test("it is answered when the primary has done it, and no sooner; then new sessions go elsewhere", async () => {
	rig = await startRouter([named(0), named(1)]);
	let answered = false;
	const answer = post("/cluster/workers/1/drain").finally(() => {
		answered = true;
	});
	const [asked] = await until("the question", 5_000, () => rig.drains.length === 1 && rig.drains);
	expect(asked).toMatchObject({ worker: 1, drain: true });
	expect(await (await fetch(`${rig.url}/health`)).json()).toMatchObject({ status: "ok" });
	expect(answered).toBe(false);
	const workers = rig.snapshot.workers.map((worker) => ({ ...worker, drain: worker.index === 1 }));
	rig.router.update({ ...rig.snapshot, workers });
	asked?.done();
	const { status, headers } = await answer;
	expect([status, await (await answer).json()]).toEqual([200, { worker: 1, drain: true }]);
	expect(headers.get("x-request-id")).toMatch(/./);
	for (let at = 0; at < 20; at++) expect(await (await post("/sessions")).text()).toBe("w0");
	// Of a session that it has: the first two hex digits are the partition.
	expect(await (await fetch(`${rig.url}/sessions/01${"0".repeat(30)}`)).text()).toBe("w1");
	const cluster = (await (await fetch(`${rig.url}/cluster`)).json()) as {
		workers: Array<{ drain: boolean }>;
	};
	expect(cluster.workers.map(({ drain }) => drain)).toEqual([false, true]);
});

test("a worker that there is not is 404; where a token is set, it is asked for it", async () => {
	rig = await startRouter([named(0)], { authToken: "secret" });
	const authorization = "Bearer secret";
	expect((await post("/cluster/workers/0/drain")).status).toBe(401);
	expect((await post("/cluster/workers/1/drain", { authorization })).status).toBe(404);
	expect((await post("/cluster/workers/x/undrain", { authorization })).status).toBe(404);
	expect(rig.drains).toEqual([]);
	const answer = post("/cluster/workers/0/undrain", { authorization });
	const [asked] = await until("the question", 5_000, () => rig.drains.length === 1 && rig.drains);
	expect(asked).toMatchObject({ worker: 0, drain: false });
	asked?.done();
	expect((await answer).status).toBe(200);
});
