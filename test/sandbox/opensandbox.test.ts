// What OpenSandbox's clients ask for, over HTTP against the local backend: bodies, events and refusals as their SDK has them.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Answer, ask } from "../support/sandbox-cluster.js";
import { type SandboxServer, serveSandboxes } from "../support/sandbox-server.js";
import { until } from "../support/wait.js";

let server: SandboxServer;
let id: string;
let proxy: string;
beforeAll(async () => {
	server = await serveSandboxes();
	const made = await call("POST", "/v1/sandboxes", CREATE);
	expect([made.status, made.text]).toEqual([202, expect.stringContaining("Running")]);
	id = made.json.id;
	proxy = `/v1/sandboxes/${id}/proxy/44772`;
});
afterAll(() => server.stop());

/** As the SDK sends it for `Sandbox.create("local", resource={"memory": "256Mi"}, metadata={"job": "a"})`. */
const CREATE = {
	image: { uri: "local" },
	entrypoint: ["tail", "-f", "/dev/null"],
	timeout: 600,
	resourceLimits: { memory: "256Mi" },
	env: { A: "b" },
	metadata: { job: "a" },
	secureAccess: false,
	volumes: [],
	extensions: {},
};
const JSON_TYPE = { "content-type": "application/json" };
const call = (method: string, path: string, body?: unknown) => ask(server.url, method, path, body);
const refused = ({ status, json }: Answer) => [status, json.code, json.message];

interface Event {
	type: string;
	text?: string;
	error?: { ename: string; evalue: string; traceback: string[] };
}
function eventsOf(text: string): Event[] {
	const frames = text.split("\n\n").filter((frame) => frame.startsWith("data: "));
	return frames.map((frame) => JSON.parse(frame.slice(6)));
}
async function run(body: unknown, on = proxy): Promise<Event[]> {
	const answer = await call("POST", `${on}/command`, body);
	expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "text/event-stream"]);
	return eventsOf(answer.text);
}
const textOf = (events: readonly Event[], type: string) =>
	events.filter((event) => event.type === type).map(({ text }) => text);

describe("A sandbox of OpenSandbox's clients", () => {
	it("is described by id and in a list, a page at a time", async () => {
		const one = await call("GET", `/v1/sandboxes/${id}`);
		expect(one.json).toMatchObject({
			id,
			image: { uri: "local" },
			entrypoint: CREATE.entrypoint,
			status: { state: "Running" },
			metadata: { job: "a" },
		});
		const lifeMs = Date.parse(one.json.expiresAt) - Date.parse(one.json.createdAt);
		expect(lifeMs).toBe(600_000);
		const list = (query: string) => call("GET", `/v1/sandboxes?${query}`).then(({ json }) => json);
		const metadata = encodeURIComponent("job=a");
		expect((await list(`metadata=${metadata}&state=Running&page=1&pageSize=1`)).items).toEqual([one.json]);
		expect((await list(`metadata=${metadata}`)).pagination).toEqual({
			...{ page: 1, pageSize: 20, totalItems: 1, totalPages: 1, hasNextPage: false },
		});
		expect((await list(`metadata=${encodeURIComponent("job=b")}`)).items).toEqual([]);
		expect((await list("state=Paused")).items).toEqual([]);
	});

	it("is reached through this server, by the name that the client called it by", async () => {
		const endpoint = (query: string) => call("GET", `/v1/sandboxes/${id}/endpoints/${query}`);
		const host = new URL(server.url).host;
		expect((await endpoint("44772?use_server_proxy=true")).json).toEqual({ endpoint: host + proxy });
		expect((await endpoint("18080?use_server_proxy=true")).status).toBe(200);
		expect((await endpoint("44772?use_server_proxy=false")).json.message).toContain("must be true");
		expect((await endpoint("8080?use_server_proxy=true")).json.message).toContain("cannot be reached");
		expect((await call("GET", `${proxy}/ping`)).status).toBe(200);
	});

	it("has its end moved to the very time that was asked for, and not beyond --max-sandbox-ttl", async () => {
		const renew = (expiresAt: unknown) => call("POST", `/v1/sandboxes/${id}/renew-expiration`, { expiresAt });
		const expiresAt = new Date(Date.now() + 1_200_000).toISOString();
		const later = await renew(expiresAt);
		expect(Math.abs(Date.parse(later.json.expiresAt) - Date.parse(expiresAt))).toBeLessThan(500);
		expect((await call("GET", `/v1/sandboxes/${id}`)).json.expiresAt).toBe(later.json.expiresAt);
		const far = await renew(new Date(Date.now() + 7_200_000).toISOString());
		expect(refused(far)).toEqual([400, "invalid_request", expect.stringContaining("expiresAt is beyond")]);
		for (const bad of ["soon", 5, "2001-01-01T00:00:00Z", "2101-01-01"])
			expect((await renew(bad)).status, String(bad)).toBe(400);
	});

	it.each<[string, Record<string, unknown>]>([
		["timeout is missing", { timeout: null }],
		["timeout", { timeout: 0.5 }],
		["ttl_seconds", { timeout: 3601 }],
		["snapshotId", { snapshotId: "s" }],
		["platform", { platform: { os: "linux", arch: "amd64" } }],
		["volumes", { volumes: [{ name: "v" }] }],
		["resourceRequests", { resourceRequests: { cpu: "1" } }],
		["secureAccess", { secureAccess: true }],
		["entrypoint", { entrypoint: ["python", "app.py"] }],
		["image.auth", { image: { uri: "local", auth: { username: "u", password: "p" } } }],
		["image other", { image: { uri: "other" } }],
		["resourceLimits.gpu", { resourceLimits: { gpu: "1" } }],
		["resources.cpu", { resourceLimits: { cpu: "1" } }],
		["resourceLimits.memory", { resourceLimits: { memory: "2X" } }],
		["networkPolicy.egress", { networkPolicy: { defaultAction: "deny", egress: [{ target: "a.b" }] } }],
		["network", { networkPolicy: { defaultAction: "deny", egress: [] } }],
		["extensions.storage.id", { extensions: { "storage.id": "x" } }],
		["somethingNew", { somethingNew: 1 }],
	])("is refused, not made without it: %s", async (words, over) => {
		const before = server.sandboxes.counts();
		const [status, , message] = refused(await call("POST", "/v1/sandboxes", { ...CREATE, ...over }));
		expect([status, message]).toEqual([400, expect.stringContaining(words)]);
		expect(server.sandboxes.counts()).toEqual(before);
	});

	it("that nobody was told of does not stay: its client left while it was made", async () => {
		const leave = new AbortController();
		const body = JSON.stringify({ ...CREATE, metadata: { job: "left" } });
		const init = { method: "POST", headers: JSON_TYPE, body, signal: leave.signal };
		const left = fetch(`${server.url}/v1/sandboxes`, init);
		const alive = (state: "creating" | "running" | "ended") =>
			server.sandboxes.list({ labels: [["job", "left"]], sessionId: null, state });
		// At the first sight of it: its making may take less than the time between two looks of `until`.
		while (alive("creating").length === 0) await new Promise((resolve) => setImmediate(resolve));
		leave.abort();
		await expect(left).rejects.toThrow();
		await until("its end", 10_000, async () => alive("ended").length === 1);
	});

	it("has nothing else of their API, and says so with a code", async () => {
		for (const [method, path] of [
			["POST", "/session"],
			["GET", "/metrics"],
			["POST", "/code"],
			["GET", "/command/x/y"],
		] as const)
			expect(refused(await call(method, proxy + path))).toEqual([404, "not_found", expect.any(String)]);
		const policy = await call("GET", `/v1/sandboxes/${id}/proxy/18080/policy`);
		expect(refused(policy)).toEqual([404, "not_found", expect.stringContaining("not to be had here")]);
		const paused = await call("POST", `/v1/sandboxes/${id}/pause`);
		expect(refused(paused)).toEqual([
			404,
			"not_found",
			expect.stringContaining("nothing else of it was done"),
		]);
	});
});

describe("A command of OpenSandbox's clients", () => {
	it("is a stream: init, its output line by line to the byte, and its end", async () => {
		const events = await run({
			command: "printf 'a\\nb\\u2028c\\n\\nlast'; printf 'e\\n' >&2; echo \"$A$B\"",
			envs: { B: "c" },
		});
		expect(events[0]).toMatchObject({ type: "init", text: expect.stringMatching(/^exec-/) });
		expect(textOf(events, "stdout")).toEqual(["a\n", "b\u2028c\n", "\n", "lastbc\n"]);
		expect(textOf(events, "stderr")).toEqual(["e\n"]);
		expect(events.at(-1)).toMatchObject({ type: "execution_complete", execution_time: expect.any(Number) });
		const argv = await run({ argv: ["printf", "%s", "$A"] });
		expect(textOf(argv, "stdout")).toEqual(["$A"]);
	});

	it("that fails ends with its exit code, and one that is killed with -1, never with one of its own", async () => {
		const last = async (body: unknown) => (await run(body)).at(-1)?.error;
		expect(await last({ command: "exit 3" })).toEqual({
			...{ ename: "CommandExecError", evalue: "3", traceback: ["exit status 3"] },
		});
		expect(await last({ command: "sleep 30", timeout: 100 })).toMatchObject({
			...{ ename: "CommandTimeout", evalue: "-1" },
		});
		expect(await last({ argv: ["no-such-program"] })).toMatchObject({ evalue: "127" });
	});

	it("for another user is not run: exit code 126", async () => {
		const uid = process.geteuid?.() ?? 0;
		const events = await run({ command: "touch ran", uid: uid + 1 });
		expect(events.at(-1)?.error?.evalue).toBe("126");
		expect(textOf(events, "stderr").join("")).toContain(`not as ${uid + 1}`);
		expect(textOf(await run({ command: 'ls; echo "$0"; exit 0', uid }), "stdout")).not.toContain("ran\n");
		expect((await run({ command: "true", uid, gid: 54321 })).at(-1)?.error?.evalue).toBe("126");
	});

	it("for root runs as the sandbox's user where its client said that at create, and only there", async () => {
		const extensions = { "rollpin.root_commands": "as_user" };
		const made = await call("POST", "/v1/sandboxes", { ...CREATE, extensions });
		const on = `/v1/sandboxes/${made.json.id}/proxy/44772`;
		expect(textOf(await run({ command: "echo $EUID", uid: 0 }, on), "stdout")).toEqual([
			`${process.geteuid?.()}\n`,
		]);
		expect((await run({ command: "true", uid: 54321 }, on)).at(-1)?.error?.evalue).toBe("126");
		await call("DELETE", `/v1/sandboxes/${made.json.id}`);
	});

	it("in the foreground is known by its id while it runs, and is ended by it", async () => {
		const reply = await fetch(`${server.url}${proxy}/command`, {
			method: "POST",
			headers: JSON_TYPE,
			body: JSON.stringify({ command: "echo up; sleep 60" }),
		});
		const reader = (reply.body as ReadableStream<Uint8Array>)
			.pipeThrough(new TextDecoderStream())
			.getReader();
		let text = "";
		while (!text.includes("up")) text += (await reader.read()).value;
		const execId = eventsOf(text)[0]?.text;
		const status = await call("GET", `${proxy}/command/status/${execId}`);
		expect(status.json).toMatchObject({ id: execId, running: true, exit_code: null });
		expect((await call("DELETE", `${proxy}/command?id=${execId}`)).status).toBe(200);
		for (let piece = await reader.read(); !piece.done; piece = await reader.read()) text += piece.value;
		expect(eventsOf(text).at(-1)?.error).toMatchObject({ ename: "CommandInterrupted", evalue: "-1" });
		expect((await call("GET", `${proxy}/command/status/${execId}`)).json.code).toBe("sandbox_exec_not_found");
	});

	it("in the background answers at once; its state and output are read by its id", async () => {
		await run({ command: "mkfifo fifo" });
		const events = await run({ command: "echo a; read -r _ <fifo; echo b >&2; exit 4", background: true });
		expect(events.map(({ type }) => type)).toEqual(["init", "execution_complete"]);
		const of = `${proxy}/command`;
		const execId = events[0]?.text;
		const state = async () => (await call("GET", `${of}/status/${execId}`)).json;
		const logs = (cursor: string) => call("GET", `${of}/${execId}/logs?cursor=${cursor}`);
		const first = await until("its output", 5_000, async () => {
			const answer = await logs("0");
			return answer.text === "" ? null : answer;
		});
		expect([first.text, first.headers.get("execd-commands-tail-cursor")]).toEqual(["a\n", "2"]);
		await run({ command: "echo >fifo" });
		const ended = await until("its end", 10_000, async () =>
			(await state()).running === false ? state() : null,
		);
		expect(ended).toMatchObject({ exit_code: 4, finished_at: expect.any(String) });
		expect((await logs("2")).text).toBe("b\n");
		expect((await logs("x")).status).toBe(400);
	});

	it("under which the sandbox ends says why and breaks off: no client takes that for the command's own end", async () => {
		const made = (await call("POST", "/v1/sandboxes", CREATE)).json.id as string;
		const on = `/v1/sandboxes/${made}/proxy/44772`;
		const reply = await fetch(`${server.url}${on}/command`, {
			method: "POST",
			headers: JSON_TYPE,
			body: JSON.stringify({ command: "echo up; sleep 60" }),
		});
		const reader = (reply.body as ReadableStream<Uint8Array>)
			.pipeThrough(new TextDecoderStream())
			.getReader();
		let text = "";
		while (!text.includes("up")) text += (await reader.read()).value;
		expect((await call("DELETE", `/v1/sandboxes/${made}`)).status).toBe(204);
		const rest = async () => {
			for (let piece = await reader.read(); !piece.done; piece = await reader.read()) text += piece.value;
		};
		await expect(rest()).rejects.toThrow();
		expect(eventsOf(text).at(-1)?.error?.ename).toBe("sandbox_deleted");
		expect(refused(await call("POST", `${on}/command`, { command: "true" }))[1]).toBe("sandbox_deleted");
		expect(refused(await call("GET", `${on}/ping`))[1]).toBe("sandbox_deleted");
	});

	it.each<[string, unknown]>([
		["command", {}],
		["command", { command: " " }],
		["command", { command: "true", argv: ["true"] }],
		["timeout", { command: "true", timeout: 60_001 }],
		["gid", { command: "true", gid: 1 }],
		["cwd", { command: "true", cwd: "~/x" }],
		["shell", { command: "true", shell: "zsh" }],
	])("is refused by the name of the field: %s", async (words, body) => {
		const [status, code, message] = refused(await call("POST", `${proxy}/command`, body));
		expect([status, code, message]).toEqual([400, "invalid_request", expect.stringContaining(words)]);
	});
});

describe("The files of OpenSandbox's clients", () => {
	const upload = async (files: Array<[metadata: unknown, content: string | Uint8Array]>): Promise<Answer> => {
		const form = new FormData();
		for (const [metadata, content] of files) {
			form.append("metadata", new Blob([JSON.stringify(metadata)], { type: "application/json" }), "metadata");
			form.append("file", new Blob([content as string]), "file");
		}
		const reply = await fetch(`${server.url}${proxy}/files/upload`, { method: "POST", body: form });
		return { status: reply.status, headers: reply.headers, json: await reply.json(), text: "" };
	};
	const get = (path: string, headers?: Record<string, string>) =>
		ask(server.url, "GET", `${proxy}/files/download?path=${encodeURIComponent(path)}`, undefined, headers);
	const query = (paths: readonly string[]) =>
		paths.map((path) => `path=${encodeURIComponent(path)}`).join("&");
	const shell = async (command: string) => textOf(await run({ command }), "stdout").join("");

	it("are written many at once, with their permissions and the directories above them, and read to the byte", async () => {
		const bytes = Uint8Array.from({ length: 70_000 }, (_, index) => index % 256);
		const long = `/workspace/f/${"x".repeat(150)}`;
		const outside = `${server.room.root}/outside.txt`;
		const answer = await upload([
			[{ path: "/workspace/f/deep/a.sh", mode: 750, owner: null, group: null }, "#!/bin/bash\necho ran\n"],
			[{ path: "f/ü b", mode: 644 }, bytes],
			[{ path: long }, "long"],
			[{ path: outside, mode: 600 }, "out"],
		]);
		expect(answer.status).toBe(200);
		expect(await shell("f/deep/a.sh; stat -c %a f/deep/a.sh")).toBe("ran\n750\n");
		const reply = await fetch(`${server.url}${proxy}/files/download?${query(["f/ü b"])}`);
		expect(Buffer.from(await reply.arrayBuffer()).equals(bytes)).toBe(true);
		expect((await get(long)).text).toBe("long");
		expect((await get(outside)).text).toBe("out");
	});

	it("are read by ranges of bytes", async () => {
		await upload([[{ path: "range" }, "0123456789"]]);
		const range = await get("range", { range: "bytes=2-4" });
		expect([range.status, range.text, range.headers.get("content-range")]).toEqual([
			206,
			"234",
			"bytes 2-4/10",
		]);
		expect((await get("range", { range: "bytes=7-" })).text).toBe("789");
		expect((await get("range", { range: "bytes=8-99" })).text).toBe("89");
		expect((await get("range", { range: "bytes=10-" })).status).toBe(416);
		expect((await get("range", { range: "bytes=-3" })).status).toBe(400);
		await upload([[{ path: "empty" }, ""]]);
		expect([(await get("empty")).status, (await get("empty")).text]).toEqual([200, ""]);
	});

	it("are described, listed and searched under the names that they were asked by", async () => {
		await shell(
			"mkdir -p l/.sub/deeper; echo x >l/.sub/one.txt; echo y >l/.sub/deeper/two.txt; ln -s / l/link",
		);
		const info = await call("GET", `${proxy}/files/info?${query(["/workspace/l/.sub/one.txt", "l"])}`);
		expect(info.json["/workspace/l/.sub/one.txt"]).toMatchObject({
			...{ path: "/workspace/l/.sub/one.txt", type: "file", size: 2, mode: 644 },
		});
		expect(info.json.l.type).toBe("directory");
		const names = async (path: string) =>
			(await call("GET", proxy + path)).json.map((entry: { path: string; type: string }) => [
				entry.path,
				entry.type,
			]);
		expect(await names("/directories/list?path=/workspace/l")).toEqual([
			["/workspace/l/.sub", "directory"],
			["/workspace/l/link", "symlink"],
		]);
		expect(await names("/directories/list?path=l&depth=2")).toHaveLength(4);
		expect(await names("/directories/list?path=l&depth=0")).toEqual([]);
		expect(await names("/files/search?path=/workspace/l/&pattern=**")).toEqual([
			["/workspace/l/link", "symlink"],
			["/workspace/l/.sub/one.txt", "file"],
			["/workspace/l/.sub/deeper/two.txt", "file"],
		]);
		expect(await names("/files/search?path=l&pattern=t*.txt")).toEqual([["l/.sub/deeper/two.txt", "file"]]);
		expect((await call("GET", `${proxy}/files/search?path=l&pattern=a/b`)).status).toBe(400);
		expect((await call("GET", `${proxy}/directories/list?path=range`)).status).toBe(400);
	});

	it("are moved, removed, and given permissions", async () => {
		await call("POST", `${proxy}/directories`, { "m/n": { mode: 700 }, "/workspace/o": { mode: 755 } });
		await shell("echo x >m/n/a; echo y >m/n/b");
		expect((await call("POST", `${proxy}/files/mv`, [{ src: "m/n/a", dest: "p/q/c" }])).status).toBe(200);
		expect((await call("POST", `${proxy}/files/mv`, [{ src: "p/q/c", dest: "m/n/b" }])).status).toBe(400);
		expect((await call("POST", `${proxy}/files/mv`, [{ src: "gone", dest: "x" }])).json.code).toBe(
			"sandbox_path_not_found",
		);
		expect((await call("POST", `${proxy}/files/permissions`, { "p/q/c": { mode: 600 } })).status).toBe(200);
		expect(await shell("stat -c %a m/n o p/q/c; cat p/q/c m/n/b")).toBe("700\n755\n600\nx\ny\n");
		expect((await call("DELETE", `${proxy}/files?${query(["p/q/c", "gone"])}`)).status).toBe(200);
		expect((await call("DELETE", `${proxy}/files?${query(["p/q"])}`)).status).toBe(400);
		expect((await call("DELETE", `${proxy}/directories?${query(["p", "m"])}`)).status).toBe(200);
		expect(await shell("ls -d p m 2>/dev/null")).toBe("");
	});

	it("have text replaced everywhere in them, and are left alone where it is not", async () => {
		await shell("printf 'aXbXc' >t; chmod 600 t");
		const answer = await call("POST", `${proxy}/files/replace`, {
			t: { old: "X", new: "é" },
			range: { old: "zz", new: "" },
		});
		expect(answer.json).toEqual({ t: { replacedCount: 2 }, range: { replacedCount: 0 } });
		expect(await shell("cat t; stat -c %a t")).toBe("aébéc600\n");
	});

	it.each<[string, () => Promise<Answer>, number, string]>([
		["a file that is not there", () => get("nope"), 404, "there is no ./nope"],
		["a directory as a file", () => get("."), 400, "is no file"],
		["a path out of the workspace by ..", () => get("../x"), 400, "path must be a path"],
		["the home directory's sign", () => get("~/x"), 400, "path must be a path"],
		["lines of a file", () => call("GET", `${proxy}/files/download?path=range&offset=1`), 400, "offset"],
		["an owner that there is not", () => upload([[{ path: "w", owner: "nobody-here" }, "x"]]), 400, "chown"],
		["a mode that is none", () => upload([[{ path: "w", mode: 888 }, "x"]]), 400, "mode"],
		["a place that takes no file", () => upload([[{ path: "/proc/nope" }, "x"]]), 400, "proc/nope"],
		["a body that is no form", () => call("POST", `${proxy}/files/upload`, {}), 415, "multipart"],
	])("are refused, with what the sandbox said: %s", async (_what, asking, status, words) => {
		const answer = await asking();
		expect([answer.status, answer.json.message]).toEqual([status, expect.stringContaining(words)]);
	});
});
