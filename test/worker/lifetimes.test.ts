// How sessions end: deadlines, idle limits, tombstones, dumps; also while the worker is down.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import type { ClusterConfig } from "../../src/config/cluster-config.js";
import { type RaceRig, RIG_TTL_S, startRaceRig } from "../support/race-rig.js";
import { until } from "../support/wait.js";
import type { Reply } from "../support/worker-rig.js";

let rig: RaceRig;
const open = async (overrides: Partial<ClusterConfig> = {}) => {
	rig = await startRaceRig(overrides);
	return rig;
};
afterEach(() => rig.close());

const say = (content: string) => ({ model: "m", messages: [{ role: "user", content }], max_tokens: 8 });
const told = (answer: Reply) => [answer.status, answer.json.error?.code ?? null];
const read = (id: string) => rig.request("GET", `/sessions/${id}`);
const extend = (id: string, body: unknown) => rig.request("POST", `/sessions/${id}/extend`, body);
const create = (body: unknown, id: string) =>
	rig.request("POST", "/sessions", body, { headers: { "x-rollpin-session-id": id } });
const reaped = (id: string) =>
	until(`${id} to be reaped`, 10_000, () =>
		rig.events.find(({ event, fields }) => event === "session_reaped" && fields.session_id === id),
	);

describe("a lifetime", () => {
	it("is the client's, within the bounds, and shown on create and read", async () => {
		await open({ sessionTtlS: 600, maxSessionTtlS: 1000 });
		const accepted = [
			[undefined, 600],
			["", 600],
			[{}, 600],
			[{ ttl_seconds: 1 }, 1],
			[{ ttl_seconds: 1000 }, 1000],
		] as const;
		for (const [at, [body, ttl]] of accepted.entries()) {
			const id = `accepted-${at}`;
			const made = await create(body, id);
			expect(made.status).toBe(200);
			expect(made.json.expires_at - made.json.created_at).toBeCloseTo(ttl, 6);
			expect((await read(id)).json.session).toMatchObject({
				created_at: made.json.created_at,
				expires_at: made.json.expires_at,
			});
		}
		for (const ttl of ["0", "-1", "1001", "1.5", "1.0", "1e2", '"5"', "true", "null", "[]"]) {
			const refused = await create(`{"ttl_seconds":${ttl}}`, "refused");
			expect([...told(refused), refused.json.error?.message]).toEqual([
				400,
				"invalid_request",
				"ttl_seconds must be an integer from 1 to 1000",
			]);
		}
		expect((await read("refused")).json).toEqual({ session_id: "refused", records: [], metadata: {} });
	});

	it("ends by a timer of its own: nobody asks, and no sweep comes by", async () => {
		await open();
		await create({ ttl_seconds: 1 }, "short");
		const { fields } = await reaped("short");
		expect(fields).toMatchObject({ reason: "ttl", turns: 0 });
		expect(fields.overdue_ms as number).toBeLessThan(5_000);
		expect(rig.events.filter(({ event }) => event === "reaper_sweep")).toHaveLength(1);
		expect(told(await read("short"))).toEqual([404, "session_expired"]);
	});

	it("is not idle while somebody extends it", async () => {
		await open({ sessionIdleTtlS: 100 });
		await create({ ttl_seconds: 2000 }, "kept");
		for (let round = 0; round < 3; round++) {
			rig.jump(70);
			expect((await extend("kept", { ttl_seconds: 1000 })).status).toBe(200);
		}
		expect((await read("kept")).status).toBe(200);
	});

	it("is moved by extend, counted from now, and never past the maximum since creation", async () => {
		await open();
		const made = (await create({ ttl_seconds: 100 }, "s")).json;
		rig.jump(50);
		const moved = await extend("s", { ttl_seconds: 200 });
		expect(moved.status).toBe(200);
		expect(moved.json.expires_at - made.created_at).toBeGreaterThanOrEqual(250);
		expect(moved.json.expires_at - made.created_at).toBeLessThan(260);
		expect((await read("s")).json.session.expires_at).toBe(moved.json.expires_at);
		const refused = await extend("s", { ttl_seconds: RIG_TTL_S });
		expect(told(refused)).toEqual([400, "invalid_request"]);
		expect(refused.json.error?.message).toMatch(/may live 3600 s since its creation; send at most 35[45]\d$/);
		for (const body of [{ ttl_seconds: 0 }, { ttl_seconds: RIG_TTL_S + 1 }, {}, { ttl_seconds: "5" }]) {
			expect(told(await extend("s", body))).toEqual([400, "invalid_request"]);
		}
		for (const body of ["", "[]", "{", '{"ttl_seconds":NaN}']) {
			expect(told(await extend("s", body))).toEqual([400, "invalid_json"]);
		}
		expect((await read("s")).json.session.expires_at).toBe(moved.json.expires_at);
		await rig.restart();
		expect((await read("s")).json.session.expires_at).toBe(moved.json.expires_at);
		rig.jump(100);
		expect((await read("s")).status).toBe(200);
		rig.jump(200);
		await read("s");
		await reaped("s");
		expect(told(await extend("s", { ttl_seconds: 5 }))).toEqual([404, "session_expired"]);
		expect(told(await extend("never-seen", { ttl_seconds: 5 }))).toEqual([404, "session_not_found"]);
		expect((await read("never-seen")).status).toBe(200);
	});

	it("is over before the first request when it ended while the worker was down", async () => {
		await open();
		await create({ ttl_seconds: 100 }, "due");
		await create({ ttl_seconds: 1000 }, "alive");
		await rig.chat("due", say("one"));
		rig.jump(500);
		rig.events.length = 0;
		await rig.restart();
		expect(rig.events.map(({ event, fields }) => [event, fields.session_id ?? fields.reaped])).toEqual([
			["session_reaped", "due"],
			["reaper_sweep", 1],
		]);
		expect(told(await rig.chat("due", say("one")))).toEqual([404, "session_expired"]);
		expect((await read("alive")).status).toBe(200);
	});

	it("does not end early by a jump of the wall clock", async () => {
		await open();
		await create({ ttl_seconds: 100 }, "s");
		rig.jumpWall(100_000);
		for (let at = 0; at < 2; at++) expect((await read("s")).status).toBe(200);
		expect((await rig.chat("s", say("one"))).status).toBe(200);
	});

	it("ends by idleness too, which no running request counts for", async () => {
		await open({ sessionIdleTtlS: 60 });
		const id = await rig.create();
		await rig.control.script({ gate: "long" });
		const long = rig.begin(id, say("one"));
		await rig.control.arrivedAtGate("long");
		rig.jump(100);
		await read(id);
		await rig.control.release("long");
		expect((await long.done)?.status).toBe(200);
		rig.jump(59);
		expect((await read(id)).status).toBe(200);
		rig.jump(59);
		expect((await read(id)).status).toBe(200);
		const other = await rig.create();
		rig.jump(61);
		await rig.restart();
		for (const gone of [id, other]) {
			expect((await reaped(gone)).fields.reason).toBe("idle");
			expect(told(await read(gone))).toEqual([404, "session_expired"]);
		}
	});
});

describe("a tombstone", () => {
	it("says what and when, and is forgotten only when newer ones push it out", async () => {
		await open({ tombstones: 2 });
		for (const id of ["a", "b", "c"]) {
			expect((await rig.chat(id, say("one"))).status).toBe(200);
			const beforeS = Date.now() / 1000;
			expect((await rig.request("DELETE", `/sessions/${id}`)).status).toBe(204);
			const { error } = (await read(id)).json;
			expect(error).toMatchObject({
				code: "session_deleted",
				type: "not_found_error",
				message: `session not found: session_id=${id} (deleted)`,
				details: { reason: "deleted", at: expect.any(Number) },
			});
			expect(error?.details?.at as number).toBeGreaterThanOrEqual(beforeS);
		}
		await rig.restart();
		expect((await read("a")).json).toEqual({ session_id: "a", records: [], metadata: {} });
		expect(told(await read("b"))).toEqual([404, "session_deleted"]);
		expect((await rig.chat("a", say("a new life"))).status).toBe(200);
		expect((await read("a")).json.records).toHaveLength(1);
	});

	it("is what every route of the session answers", async () => {
		await open();
		const id = await rig.create();
		await rig.request("DELETE", `/sessions/${id}`);
		for (const [method, path, body] of [
			["GET", "", undefined],
			["DELETE", "", undefined],
			["POST", "/extend", { ttl_seconds: 5 }],
			["POST", "/v1/chat/completions", say("x")],
			["GET", "/v1/models", undefined],
		] as const) {
			expect(told(await rig.request(method, `/sessions/${id}${path}`, body))).toEqual([
				404,
				"session_deleted",
			]);
		}
		expect((await rig.request("GET", "/sessions")).json.sessions).toEqual([]);
	});

	it("is not there for an id that was never seen: reads create nothing, DELETE finds nothing", async () => {
		await open();
		expect(told(await rig.request("DELETE", "/sessions/never"))).toEqual([404, "session_not_found"]);
		expect((await read("never")).json).toEqual({ session_id: "never", records: [], metadata: {} });
		expect((await rig.request("GET", "/sessions")).json.sessions).toEqual([]);
		expect((await rig.chat("never", say("x"))).status).toBe(200);
	});
});

describe("an expiring session with --evict-dump", () => {
	it("is first written to the directory as its GET, and only when it has committed turns", async () => {
		const dir = mkdtempSync(join(tmpdir(), "rollpin-dump-"));
		await open({ evictDumpDir: join(dir, "made", "later") });
		const id = await rig.create({ metadata: { run: 7 } });
		await rig.chat(id, say("one"));
		await rig.control.script({ finishReason: "abort" });
		await rig.chat(id, say("another"));
		await rig.chat(id, say("one"));
		const shown = (await read(id)).text;
		const empty = await rig.create();
		const deleted = await rig.create();
		await rig.chat(deleted, say("one"));
		await rig.request("DELETE", `/sessions/${deleted}`);
		await rig.expire(id);
		await rig.expire(empty);
		await Promise.all([reaped(id), reaped(empty)]);
		expect(readdirSync(join(dir, "made", "later"))).toEqual([`${id}.json`]);
		expect(readFileSync(join(dir, "made", "later", `${id}.json`), "utf8")).toBe(shown);
		rmSync(dir, { recursive: true });
	});

	it("stays stored, closed to everybody, until the dump works", async () => {
		const dir = mkdtempSync(join(tmpdir(), "rollpin-dump-"));
		const blocked = join(dir, "blocked");
		writeFileSync(blocked, "a file where a directory should be");
		await open({ evictDumpDir: blocked });
		const id = await rig.create();
		await rig.chat(id, say("one"));
		const shown = (await read(id)).text;
		await rig.expire(id);
		await until("the failed dump in the log", 10_000, () =>
			rig.events.some(({ event, fields }) => event === "request_error" && fields.path === `/sessions/${id}`),
		);
		for (const answer of [
			await read(id),
			await rig.chat(id, say("x")),
			await rig.request("DELETE", `/sessions/${id}`),
		]) {
			expect(told(answer)).toEqual([404, "session_expired"]);
		}
		rmSync(blocked);
		await rig.restart();
		await reaped(id);
		expect(readFileSync(join(blocked, `${id}.json`), "utf8")).toBe(shown);
		expect(told(await read(id))).toEqual([404, "session_expired"]);
		rmSync(dir, { recursive: true });
	});

	it("never overwrites the dump of an earlier session of the same id", async () => {
		const dir = mkdtempSync(join(tmpdir(), "rollpin-dump-"));
		await open({ evictDumpDir: dir, tombstones: 1 });
		for (const content of ["first life", "second life"]) {
			expect((await rig.chat("twice", say(content))).status).toBe(200);
			await rig.expire("twice");
			await reaped("twice");
			rig.events.length = 0;
			await rig.create().then((id) => rig.request("DELETE", `/sessions/${id}`));
		}
		const names = readdirSync(dir);
		expect(names).toHaveLength(2);
		expect(
			names.map((name) => readFileSync(join(dir, name), "utf8").includes("first life")).toSorted(),
		).toEqual([false, true]);
		rmSync(dir, { recursive: true });
	});
});
