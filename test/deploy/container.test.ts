// The repository's Dockerfile, built and run by a real container engine. Owns what holds of the image; the cluster's own behaviour is tested elsewhere.
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ContainerEngine, whyNoContainers } from "../support/container-engine.js";
import { REPOSITORY } from "../support/run-rollpin.js";
import { until } from "../support/wait.js";

const skipped = whyNoContainers("test:container");

const engine = new ContainerEngine();
const dir = mkdtempSync(join(tmpdir(), "rollpin-image-"));
const data = join(dir, "data");
const token = join(dir, "token");
const bearer = { authorization: "Bearer image-token", "content-type": "application/json" };

beforeAll(async () => {
	if (skipped !== null) return;
	writeFileSync(token, "image-token");
	chmodSync(token, 0o444);
	// As a volume is: its root is not the user's, who may only write there.
	mkdirSync(join(data, "lost+found"), { recursive: true });
	chmodSync(data, 0o777);
	await engine.start();
	engine.importNodeImage("rollpin-test-node");
	const flags = [
		"--build-arg",
		"NODE_IMAGE=rollpin-test-node",
		"--network",
		"host",
		"-t",
		"rollpin",
		REPOSITORY,
	];
	engine.run("build", ...flags);
}, 300_000);
afterAll(async () => {
	await engine.stop();
	rmSync(dir, { recursive: true, force: true });
}, 60_000);

/** A port that was free a moment ago: the container has this machine's network, and its log is not read before it is up. */
async function freePort(): Promise<number> {
	const server = createServer().listen(0, "127.0.0.1");
	await new Promise((resolve) => server.once("listening", resolve));
	const { port } = server.address() as { port: number };
	await new Promise((resolve) => server.close(resolve));
	return port;
}

/** `docker run` with a read-only root, no capabilities and the data directory; resolves once it is ready. */
async function serve(name: string, port: number): Promise<string> {
	const mounts = ["-v", `${data}:/data`, "-v", `${token}:/run/secrets/rollpin-token:ro`, "--tmpfs", "/tmp"];
	const limits = ["--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"];
	const where = ["-d", "--name", name, "--hostname", name, "--network", "host"];
	engine.run(
		"run",
		...where,
		...mounts,
		...limits,
		"rollpin",
		"serve",
		"--port",
		String(port),
		"--log-format",
		"json",
	);
	const url = `http://127.0.0.1:${port}`;
	await until(`${name} to be ready`, 60_000, async () => {
		if (engine.run("inspect", "-f", "{{.State.Running}}", name) !== "true")
			throw new Error(engine.run("logs", name));
		return (await fetch(`${url}/health`).catch(() => null))?.status === 200;
	});
	return url;
}

async function chat(url: string, id: string): Promise<number> {
	const body = JSON.stringify({ model: "m", max_tokens: 8, messages: [{ role: "user", content: "hi" }] });
	const path = `${url}/sessions/${id}/v1/chat/completions`;
	return (await fetch(path, { method: "POST", headers: bearer, body })).status;
}

const turns = async (url: string, id: string): Promise<number> => {
	const reply = await fetch(`${url}/sessions/${id}`, { headers: bearer });
	return ((await reply.json()) as { records: unknown[] }).records.length;
};

test.skipIf(skipped !== null)(
	"the image serves as an ordinary user on a read-only root, drains as pid 1, and goes on after a kill under another host name",
	async () => {
		const port = await freePort();
		const url = await serve("first", port);
		expect(engine.run("exec", "first", "id", "-u")).toBe("1000");
		expect(
			engine.run("exec", "first", "node", "-p", "require('fs').readFileSync('/proc/1/comm','utf8').trim()"),
		).toBe("node");
		expect((await fetch(`${url}/sessions`, { method: "POST", body: "{}" })).status).toBe(401);
		expect(await chat(url, "kept")).toBe(200);

		engine.run("kill", "--signal", "KILL", "first");
		expect(await serve("second", port)).toBe(url);
		expect(await turns(url, "kept")).toBe(1);
		expect(await chat(url, "other")).toBe(200);

		engine.run("stop", "--time", "40", "second");
		expect(engine.run("inspect", "-f", "{{.State.ExitCode}}", "second")).toBe("0");
		expect(engine.run("logs", "second")).toContain('"event":"shutdown"');
	},
	180_000,
);

test.skipIf(skipped !== null)(
	"its commands run without a clone",
	async () => {
		const url = await serve("third", await freePort());
		const token = ["-e", "ROLLPIN_AUTH_TOKEN=image-token"];
		const verify = engine.run("exec", ...token, "third", "rollpin", "verify", "--url", url);
		expect(verify).toContain("every recorded token is what was sent and sampled");
		const demo = engine.run(
			"exec",
			...token,
			"third",
			"rollpin",
			"demo",
			"--sessions",
			"2",
			"--turns",
			"2",
			"--url",
			url,
		);
		expect(demo).toContain("checked 2 sessions: every recorded token is exactly what was sent and sampled");
		expect(engine.run("exec", "third", "rollpin", "--version")).toMatch(/\d+\.\d+\.\d+/);
		engine.run("rm", "--force", "third");
	},
	180_000,
);

test.skipIf(skipped !== null)("without a token it is refused in one line, with exit code 2", () => {
	const refused = () => engine.run("run", "--rm", "--network", "host", "rollpin");
	expect(refused).toThrow(/exit code 2\n[^\n]*rollpin-token[^\n]*\n?$/);
});
