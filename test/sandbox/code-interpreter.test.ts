// Sessions of the code interpreter's clients over HTTP: their bodies, bounds and errors, against the local backend.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Uploads } from "../../src/sandbox/routes/code-interpreter/uploads.js";
import { ask } from "../support/sandbox-cluster.js";
import { type SandboxServer, serveSandboxes } from "../support/sandbox-server.js";
import { until } from "../support/wait.js";

let server: SandboxServer;
beforeAll(async () => {
	server = await serveSandboxes({ maxTtlS: 86_400 });
});
afterAll(() => server.stop());

const call = (method: string, path: string, body?: unknown) => ask(server.url, method, path, body);
const make = async (body: unknown = {}) => {
	const made = await call("POST", "/v1/sessions", body);
	expect([made.status, Object.keys(made.json)]).toEqual([201, ["session_id", "expires_at"]]);
	return made.json as { session_id: string; expires_at: number };
};
const end = (id: string) => call("DELETE", `/v1/sessions/${id}`);
const bash = (id: string, body: unknown) => call("POST", `/v1/sessions/${id}/bash`, body);
async function upload(name: string, content: string, field = "file") {
	const body = new FormData();
	body.append(field, new Blob([content]), name);
	const reply = await fetch(`${server.url}/v1/files`, { method: "POST", body });
	return { status: reply.status, json: JSON.parse(await reply.text()) };
}
/** What a body that is not as it must be is told: the places. */
const places = (json: { detail: Array<{ loc: string[]; msg: string; type: string }> }) =>
	json.detail.map(({ loc }) => loc.join("."));

describe("A session of the code interpreter", () => {
	it("is made with an id and a deadline, for 900 s unless it says how long", async () => {
		const nowS = Date.now() / 1000;
		const [one, two] = [await make(), await make({ ttl_seconds: 60, unknown: "passed over" })];
		expect(one.expires_at - nowS).toBeGreaterThanOrEqual(900);
		expect(one.expires_at - nowS).toBeLessThan(930);
		expect(server.sandboxes.get(two.session_id)).toMatchObject({ state: "running" });
		const { createdMs, deadlineMs } = server.sandboxes.get(two.session_id);
		expect([deadlineMs - createdMs, two.expires_at]).toEqual([60_000, deadlineMs / 1000]);
		expect([(await end(one.session_id)).status, (await end(two.session_id)).status]).toEqual([204, 204]);
	});

	it.each<[unknown, string]>([
		[{ ttl_seconds: 0 }, "body.ttl_seconds"],
		[{ ttl_seconds: 86_401 }, "body.ttl_seconds"],
		[{ ttl_seconds: "60" }, "body.ttl_seconds"],
		[{ ttl_seconds: true }, "body.ttl_seconds"],
		[{ ttl_seconds: 1.5 }, "body.ttl_seconds"],
		[{ ttl_seconds: null }, "body.ttl_seconds"],
		[{ files: {} }, "body.files"],
		[{ files: [{ path: "a" }] }, "body.files[0].file_id"],
		[{ files: [{ file_id: "a" }] }, "body.files[0].path"],
		[[], "body"],
	])("is refused %j with 422 and a list of what is wrong", async (body, place) => {
		const refused = await call("POST", "/v1/sessions", body);
		expect([refused.status, places(refused.json)]).toEqual([422, [place]]);
		expect(refused.json.detail[0].msg).not.toBe("");
	});

	it("has the files that were uploaded for it, and is not made without one of them", async () => {
		const { file_id } = (await upload("in.txt", "é")).json;
		const { session_id } = await make({ files: [{ path: "data/in.txt", file_id }] });
		expect((await bash(session_id, { cmd: "cat data/in.txt" })).json.stdout).toBe("é");
		const before = server.sandboxes.counts();
		for (const id of ["nope", "/etc/hostname", `../${file_id}`]) {
			const refused = await call("POST", "/v1/sessions", { files: [{ path: "a", file_id: id }] });
			const detail = `File with ID '${id}' not found for path 'a'.`;
			expect([refused.status, refused.json]).toEqual([404, { detail }]);
		}
		for (const path of ["../a", "/etc/a", "."]) {
			const refused = await call("POST", "/v1/sessions", { files: [{ path, file_id }] });
			expect([refused.status, refused.text]).toEqual([422, expect.stringContaining("files[0].path must")]);
		}
		expect(server.sandboxes.counts()).toEqual(before);
		await end(session_id);
	});

	it("is ended once: what is not there is 404, whatever its id looks like", async () => {
		const { session_id } = await make();
		expect((await end(session_id)).status).toBe(204);
		expect([(await end(session_id)).status, (await bash(session_id, { cmd: "true" })).status]).toEqual([
			404, 404,
		]);
		for (const id of [`code-session-${"0".repeat(32)}`, `sbx-${"0".repeat(32)}`, "x"]) {
			expect([(await end(id)).status, typeof (await end(id)).json.detail]).toEqual([404, "string"]);
			expect((await bash(id, { cmd: "true" })).status).toBe(404);
		}
	});
});

describe("A command of the code interpreter's session", () => {
	let id: string;
	beforeAll(async () => {
		id = (await make()).session_id;
	});

	it("is answered with five fields, 200 also when it fails", async () => {
		const answer = await bash(id, { cmd: "echo out; echo err >&2; exit 7" });
		expect([answer.status, answer.json]).toEqual([
			200,
			{ stdout: "out\n", stderr: "err\n", exit_code: 7, timed_out: false, duration_ms: expect.any(Number) },
		]);
		expect((await bash(id, { cmd: "no-such-program" })).json.exit_code).toBe(127);
		await bash(id, { cmd: "echo kept >f" });
		expect((await bash(id, { cmd: "cat f" })).json.stdout).toBe("kept\n");
	});

	it("has no exit code at its timeout, and nothing of it runs on", async () => {
		const answer = await bash(id, { cmd: "echo begun; sleep 60; echo late", timeout_ms: 300 });
		expect(answer.json).toMatchObject({ stdout: "begun\n", exit_code: null, timed_out: true });
		const looking =
			"for c in /proc/[0-9]*/cmdline; do tr '\\0' ' ' <$c; echo; done 2>/dev/null | grep -c '^sleep 60'";
		const { stdout } = (await bash(id, { cmd: `cd /; ${looking}` })).json;
		expect(stdout).toBe("0\n");
	});

	it("that writes much keeps head and tail around a line that says how much is missing", async () => {
		const { stdout } = (await bash(id, { cmd: "head -c 3000000 /dev/zero | tr '\\0' x" })).json;
		expect(stdout.length).toBeLessThan(1_001_000);
		expect(stdout).toMatch(/x\n\[\.\.\. 2000000 bytes are missing here \.\.\.\]\nx/);
	});

	it.each<[unknown, string]>([
		[{}, "body.cmd"],
		[{ cmd: 5 }, "body.cmd"],
		[{ cmd: "true", timeout_ms: 0 }, "body.timeout_ms"],
		[{ cmd: "true", timeout_ms: 60_001 }, "body.timeout_ms"],
		[{ cmd: "true", timeout_ms: "5" }, "body.timeout_ms"],
	])("is refused %j with 422", async (body, place) => {
		const refused = await bash(id, body);
		expect([refused.status, places(refused.json)]).toEqual([422, [place]]);
	});

	it("under which the session ends is 410: no exit code is made up", async () => {
		const { session_id } = await make();
		const running = bash(session_id, { cmd: "echo >up; sleep 60" });
		const isUp = async () => (await bash(session_id, { cmd: "test -e up" })).json.exit_code === 0;
		await until("the command", 5_000, isUp);
		await end(session_id);
		const { status, json } = await running;
		expect(status).toBe(410);
		expect(json.detail).toContain("has ended: it was deleted");
	});
});

describe("An uploaded file", () => {
	it("is listed, read to the byte, and removed", async () => {
		const made = await upload("ü 'x.txt", "content\n");
		expect(made).toMatchObject({ status: 201, json: { filename: "ü 'x.txt", size_bytes: 8 } });
		const path = `/v1/files/${made.json.file_id}`;
		const listed = (await call("GET", "/v1/files")).json.files;
		expect(listed.at(-1)).toEqual({ ...made.json, upload_time: expect.any(Number) });
		const read = await call("GET", path);
		expect([read.status, read.text]).toEqual([200, "content\n"]);
		expect(read.headers.get("content-disposition")).toBe("attachment; filename*=UTF-8''%C3%BC%20%27x.txt");
		expect((await call("DELETE", path)).status).toBe(204);
		expect((await call("DELETE", path)).json.detail).toContain("not found");
		expect((await call("GET", path)).status).toBe(404);
	});

	it("must be one, and no larger than a body may be", async () => {
		expect(places((await upload("a", "x", "other")).json)).toEqual(["body.file"]);
		expect((await call("POST", "/v1/files", { file: "x" })).status).toBe(422);
		const large = await upload("a", "x".repeat(1_000_001));
		expect([large.status, typeof large.json.detail]).toEqual([413, "string"]);
	});

	it("goes after an hour, and all together have a bound", () => {
		let nowMs = 0;
		const uploads = new Uploads(() => nowMs, 10);
		const { id } = uploads.add("a", new Uint8Array(6));
		expect(() => uploads.add("b", new Uint8Array(5))).toThrow("6 bytes of 10");
		uploads.add("b", new Uint8Array(4));
		nowMs = 3_599_999;
		expect(uploads.get(id).name).toBe("a");
		nowMs = 3_600_000;
		expect(() => uploads.get(id)).toThrow("not found");
		expect(uploads.list()).toEqual([]);
		uploads.add("c", new Uint8Array(10));
	});
});
