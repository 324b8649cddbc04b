// deploy/docker/compose.yaml, brought up by a real docker-compose with a real Prometheus. Owns what the two say of each other.
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ContainerEngine, whyNoContainers } from "../support/container-engine.js";
import { hasProgram } from "../support/prometheus.js";
import { REPOSITORY } from "../support/run-rollpin.js";
import { until } from "../support/wait.js";

const absent = [
	["docker-compose", spawnSync("docker-compose", ["version"]).status === 0] as const,
	["prometheus", hasProgram("prometheus")] as const,
].filter(([, there]) => !there);
const missing =
	absent.length > 0 ? `not installed (Debian's packages): ${absent.map(([name]) => name).join(", ")}` : null;
const skipped = whyNoContainers("test:container") ?? missing;
if (skipped !== null && skipped === missing) process.stderr.write(`skipped: ${skipped}\n`);

const engine = new ContainerEngine();
const dir = mkdtempSync(join(tmpdir(), "rollpin-compose-"));
const bearer = { authorization: "Bearer compose-token" };
const file = join(dir, "deploy/docker/compose.yaml");
const compose = (...args: string[]) => engine.compose("--project-name", "try", "--file", file, ...args);
const NOBODY = 65_534;

beforeAll(async () => {
	if (skipped !== null) return;
	cpSync(join(REPOSITORY, "deploy"), join(dir, "deploy"), { recursive: true });
	// As the file's first lines have it made.
	writeFileSync(join(dir, "deploy/docker/rollpin-token"), "compose-token\n", { mode: 0o644 });
	await engine.start();
	// Both under the names that the repository's files ask for; no registry is asked.
	engine.importNodeImage("node:22-bookworm-slim");
	const program = spawnSync("sh", ["-c", "command -v prometheus"], { encoding: "utf8" }).stdout.trim();
	const image = /image: (prom\/\S+)/.exec(compose("config"))?.[1] ?? "";
	engine.importProgram(image, program, { user: NOBODY, home: "/prometheus" });
	engine.run("build", "--network", "host", "--tag", "try_rollpin", REPOSITORY);
	await engine.restartInOwnNetwork();
}, 400_000);
afterAll(async () => {
	await engine.stop();
	rmSync(dir, { recursive: true, force: true });
}, 60_000);

test.skipIf(skipped !== null)(
	"compose brings up a cluster and a Prometheus that scrapes it with the token, and a killed cluster comes back",
	async () => {
		compose("up", "--detach", "--no-build");
		const ready = () =>
			until("the cluster's published port", 60_000, () =>
				engine.reach("http://127.0.0.1:8080/ready").startsWith("200"),
			);
		await ready();
		expect(engine.reach("http://127.0.0.1:8080/sessions")).toMatch(/^401/);
		expect(engine.reach("http://127.0.0.1:8080/sessions", bearer)).toMatch(/^200/);

		const api = "http://127.0.0.1:9090/api/v1";
		const answer = (path: string) => JSON.parse(engine.reach(api + path).replace(/^200 /, ""));
		const target = await until("a scrape", 60_000, () => {
			const said = engine.reach(`${api}/targets`);
			if (
				!said.startsWith("200") &&
				compose("ps", "--filter", "status=running", "--services").trim() === "rollpin"
			)
				throw new Error(compose("logs", "--tail", "20", "prometheus"));
			const [found] = said.startsWith("200") ? answer("/targets").data.activeTargets : [];
			return found === undefined || found.health === "unknown" ? null : found;
		});
		expect([target.health, target.lastError, target.scrapeUrl]).toEqual([
			"up",
			"",
			"http://rollpin:8080/metrics",
		]);
		const [sample] = answer("/query?query=rollpin_workers").data.result;
		expect(sample.metric.job).toBe("rollpin");
		const groups = answer("/rules").data.groups as Array<{ rules: Array<{ health: string }> }>;
		const rules = groups.flatMap((group) => group.rules);
		expect(rules.length).toBeGreaterThan(10);

		const id = compose("ps", "--quiet", "rollpin");
		process.kill(Number(engine.run("inspect", "-f", "{{.State.Pid}}", id)), "SIGKILL");
		await until("its restart", 60_000, () => engine.run("inspect", "-f", "{{.RestartCount}}", id) === "1");
		await ready();
		compose("down", "--timeout", "40");
		expect(engine.run("ps", "--all", "--quiet")).toBe("");
	},
	240_000,
);
