// `npm run bench:sandbox`: sandboxes through a cluster beside bare calls of the Engine API, in turn at the same engine. Flags: --rounds, --mib.
// As root, with dockerd. Prints ratios; the cluster's side has HTTP, records on disk and the runner inside.
import type { SandboxSpec } from "../../src/sandbox/backend.js";
import { AttachedExec } from "../../src/sandbox/docker/attached-exec.js";
import { containerBody } from "../../src/sandbox/docker/container-spec.js";
import { Engine, expectStatus } from "../../src/sandbox/docker/engine.js";
import { newSandboxId } from "../../src/sandbox/ids.js";
import { SandboxRig } from "../faults/sandboxes/rig.js";
import { numberFlag, printResult, round } from "./output.js";

const rounds = numberFlag("rounds", 20);
const mib = numberFlag("mib", 256);
const AT_ONCE = 50;
const USER = "65532:65532";
const never = new AbortController().signal;

const rig = new SandboxRig(["--sandbox-create-concurrency", "8"]);
await rig.start();
const engine = new Engine(rig.engine.socketPath);

async function call(method: "GET" | "POST" | "DELETE", path: string, statuses: number[], body?: unknown) {
	const reply = await engine.call({ method, path, limitMs: 60_000, signal: never, body });
	return expectStatus(reply, statuses, `${method} ${path}`);
}

/** The same container, by the two calls that it takes. */
async function bareCreate(): Promise<string> {
	const id = newSandboxId();
	const deadlineMs = Date.now() + 600_000;
	const spec: SandboxSpec = {
		...{ id, instance: "bench", sessionId: null, image: rig.image, pullPolicy: "never" },
		...{ deadlineMs, ceilingMs: deadlineMs, env: {}, workdir: ".", user: null },
		resources: { cpu: 0.5, memoryMib: 64, pids: 64, diskMib: 8 },
		...{ network: "none", runtime: null, labels: {} },
	};
	await call("POST", `/containers/create?name=${id}`, [201], containerBody(spec, rig.image, []));
	await call("POST", `/containers/${id}/start`, [204]);
	return id;
}

/** A command by the three calls that it takes; how many bytes it wrote. */
async function bareExec(id: string, argv: string[]): Promise<number> {
	const exec = await AttachedExec.start(engine, id, { argv, user: USER, env: [], withStdin: false }, never);
	let bytes = 0;
	for await (const frame of exec.frames()) bytes += frame.bytes.length;
	await call("GET", `/exec/${exec.execId}/json`, [200]);
	return bytes;
}

async function ours(id: string, cmd: string[]): Promise<number> {
	const { status, json, text } = await rig.call("POST", `/sandboxes/${id}/exec`, {
		cmd,
		timeout_ms: 300_000,
	});
	if (status !== 200 || json.exit_code !== 0) throw new Error(`${status} ${text.slice(0, 300)}`);
	return json.stdout_bytes;
}

async function timed<T>(work: () => Promise<T>): Promise<[T, number]> {
	const startedMs = performance.now();
	const value = await work();
	return [value, performance.now() - startedMs];
}

const median = (values: readonly number[]): number =>
	[...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;

const create = { bare: [] as number[], ours: [] as number[] };
const exec = { bare: [] as number[], ours: [] as number[] };
const stream = { bare: [] as number[], ours: [] as number[] };
try {
	for (let at = 0; at <= rounds; at++) {
		const [bareId, bareMs] = await timed(bareCreate);
		const [made, ourMs] = await timed(() => rig.make({ ttl_seconds: 600 }));
		// The first round warms both.
		if (at > 0) create.bare.push(bareMs);
		if (at > 0) create.ours.push(ourMs);
		for (let time = 0; time < 3; time++) {
			const [, bareExecMs] = await timed(() => bareExec(bareId, ["true"]));
			const [, ourExecMs] = await timed(() => ours(made.sandbox_id, ["true"]));
			if (at > 0) exec.bare.push(bareExecMs);
			if (at > 0) exec.ours.push(ourExecMs);
		}
		if (at > 0 && at <= 3) {
			const argv = ["head", "-c", `${mib}M`, "/dev/zero"];
			const [bareBytes, bareStreamMs] = await timed(() => bareExec(bareId, argv));
			const [ourBytes, ourStreamMs] = await timed(() => ours(made.sandbox_id, argv));
			if (bareBytes !== ourBytes) throw new Error(`${ourBytes} bytes instead of ${bareBytes}`);
			stream.bare.push(mib / (bareStreamMs / 1000));
			stream.ours.push(mib / (ourStreamMs / 1000));
		}
		await call("DELETE", `/containers/${bareId}?force=1`, [204]);
		await rig.call("DELETE", `/sandboxes/${made.sandbox_id}`);
	}
	const many = [...Array(AT_ONCE).keys()].map(() => rig.make({ ttl_seconds: 600, labels: { many: "1" } }));
	const [all, manyMs] = await timed(() => Promise.allSettled(many));
	const made = all.filter(({ status }) => status === "fulfilled").length;
	await rig.call("DELETE", "/sandboxes?label=many=1");

	const row = (name: string, { bare, ours }: typeof create, unit: string) => [
		name,
		`${round(median(bare), 1)} ${unit}`,
		`${round(median(ours), 1)} ${unit}`,
		round(median(ours) / median(bare)),
	];
	printResult(
		"sandbox",
		[
			["what, median", "bare engine", "cluster", "ratio"],
			row("create", create, "ms"),
			row("exec true", exec, "ms"),
			row(`output of ${mib} MiB`, stream, "MiB/s"),
			[`${AT_ONCE} creates at once`, "", `${made} made in ${round(manyMs / 1000, 1)} s`, ""],
		],
		{ rounds, mib, create, exec, stream, atOnce: { asked: AT_ONCE, made, ms: manyMs } },
	);
} finally {
	await engine.close();
	await rig.stop();
}
