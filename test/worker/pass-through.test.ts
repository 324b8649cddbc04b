// Which paths below a session reach the engine, as they came, and what the others are told.
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { SERVE_OPTIONS } from "../../src/cli/options.js";
import { startRig, type WorkerRig } from "../support/worker-rig.js";

let rig: WorkerRig;
beforeAll(async () => {
	rig = await startRig({ passThroughPaths: SERVE_OPTIONS.passThrough.fallback });
});
afterAll(() => rig.close());
beforeEach(() => rig.control.reset());

const below = (method: string, path: string, body?: object) =>
	rig.request(method, `/sessions/a${path}`, body);
const targets = async () => (await rig.control.requests()).map(({ method, target }) => `${method} ${target}`);

it.each([
	["GET", "/v1/models"],
	["GET", "/v1/models/Qwen/Qwen3-8B"],
	["GET", "/v1/models/Qwen%2FQwen3-8B?a=%2F"],
	["HEAD", "/v1/models/m"],
])("%s %s goes to the engine as it came", async (method, path) => {
	await below(method, path);
	expect(await targets()).toEqual([`${method} ${path}`]);
});

it.each([
	["POST", "/generate"],
	["POST", "/v1/completions"],
])("%s %s is a generation without a record: a 404 says so, and how to allow it", async (method, path) => {
	const { status, json } = await below(method, path, { input_ids: [999_999_999] });
	expect([status, json.error?.code]).toEqual([404, "path_not_allowed"]);
	expect(json.error?.message).toMatch(/would be a generation that is in no record/);
	expect(json.error?.message).toContain(`--pass-through /v1/models,`);
	expect(json.error?.message).toMatch(new RegExp(`,${path}$`));
	expect(await targets()).toEqual([]);
});

it.each([
	["POST", "/v1/models/m", "path_not_allowed"],
	["DELETE", "/v1/models/m", "path_not_allowed"],
	["GET", "/v1/models/", "not_found"],
	["GET", "/v1/modelsx", "not_found"],
	["GET", "/v1/whatever", "not_found"],
	["POST", "/generate/", "not_found"],
	["POST", "/v1/chat/completions/x", "not_found"],
])("%s %s stays a 404", async (method, path, code) => {
	const { status, json } = await below(method, path);
	expect([status, json.error?.code]).toEqual([404, code]);
	expect(await targets()).toEqual([]);
});

it("a path that is allowed by name is passed on, generation or not", async () => {
	const open = await startRig({ passThroughPaths: ["/generate"] });
	try {
		const reply = await open.request("POST", "/sessions/a/generate", { input_ids: [1], max_new_tokens: 1 });
		expect(reply.status).not.toBe(404);
		expect((await open.request("GET", "/sessions/a/v1/models/m")).json.error?.code).toBe("not_found");
	} finally {
		await open.close();
	}
});
