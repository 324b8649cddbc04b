// A data dir whose sessions belong to another tokenizer, family or mode: refused in one line, before anything starts.
import {
	cpSync,
	mkdirSync,
	mkdtempSync,
	readFileSync,
	renameSync,
	rmdirSync,
	rmSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ConfigError } from "../../src/base/errors.js";
import type { SessionId } from "../../src/base/ids.js";
import { packageRoot } from "../../src/base/package-root.js";
import { partitionOf } from "../../src/base/partitions.js";
import { recordLaunch } from "../../src/data-dir/launch.js";
import { partitionDirectory } from "../../src/store/disk/names.js";
import { clusterConfig } from "../support/cluster-config.js";
import { runRollpin } from "../support/run-rollpin.js";
import { ServedCluster } from "../support/served-cluster.js";

const dir = mkdtempSync(join(tmpdir(), "rollpin-other-"));
const data = join(dir, "data");
const other = join(dir, "checkpoint");
const flags = ["--port", "0", "--backends", "1", "--data-dir", data];

let kept = "";

async function served(more: string[], use: (url: string) => Promise<void>): Promise<void> {
	const cluster = new ServedCluster([...flags, ...more, "--log-format", "json"], { bare: true });
	try {
		const { url } = await cluster.ready();
		await use(url);
		cluster.signal("SIGTERM");
		await cluster.exited;
	} finally {
		await cluster.stop();
	}
}

beforeAll(async () => {
	// The same tokenizer at another place, but for one blank: another file.
	cpSync(join(packageRoot(), "checkpoints", "toy"), other, { recursive: true });
	const file = join(other, "tokenizer.json");
	writeFileSync(file, `${readFileSync(file, "utf8")} `);
	await served([], async (url) => {
		const reply = await fetch(`${url}/sessions`, { method: "POST" });
		kept = ((await reply.json()) as { session_id: string }).session_id;
	});
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe("a data dir with a session", () => {
	test.each([
		[["--tito-model", "default"], "--tito-model qwen3, now default"],
		[["--mode", "tree"], "--mode linear, now tree"],
		[["--checkpoint", other, "--tito-model", "qwen3"], "the tokenizer of"],
	])("is not served with %j", async (more, why) => {
		const { code, stdout, stderr } = await runRollpin(["serve", ...flags, ...more]);
		expect([code, stdout]).toEqual([2, ""]);
		expect(stderr.trimEnd().split("\n")).toHaveLength(1);
		expect(stderr).toContain(why);
		expect(stderr).toContain("give another --data-dir, or start with the former settings");
	});

	test.each(["", "null", '{"version":1', '{"version":1,"launch":{}}'])(
		"is not served when what it was started with reads %j",
		async (text) => {
			const file = join(data, "launch.json");
			const whole = readFileSync(file);
			writeFileSync(file, text);
			try {
				const { code, stdout, stderr } = await runRollpin(["serve", ...flags]);
				expect([code, stdout]).toEqual([2, ""]);
				expect(stderr.trimEnd().split("\n")).toHaveLength(1);
				expect(stderr).toContain("launch.json is damaged");
				expect(readFileSync(file, "utf8")).toBe(text);
			} finally {
				writeFileSync(file, whole);
			}
		},
	);

	test("is not served when that can't be read at all", async () => {
		const file = join(data, "launch.json");
		renameSync(file, `${file}.kept`);
		mkdirSync(file);
		try {
			const { code, stderr } = await runRollpin(["serve", ...flags]);
			expect(code).toBe(2);
			expect(stderr.trimEnd().split("\n")).toHaveLength(1);
			expect(stderr).toContain("launch.json can't be read");
		} finally {
			rmdirSync(file);
			renameSync(`${file}.kept`, file);
		}
	});

	test("is not served with others when a partition can't be read: it may hold some", async () => {
		const directory = partitionDirectory(data, partitionOf(kept as SessionId));
		const torn = join(directory, "ledger.zzzzzzzz-1");
		writeFileSync(torn, "torn");
		try {
			const { code, stderr } = await runRollpin(["serve", ...flags, "--mode", "tree"]);
			expect(code).toBe(2);
			expect(stderr).toContain("--mode linear, now tree");
		} finally {
			rmSync(torn);
		}
	});

	test("is served with the former settings, and with any once its sessions are gone", async () => {
		await served([], async (url) => {
			expect((await fetch(`${url}/sessions/${kept}`, { method: "DELETE" })).status).toBe(204);
		});
		await served(["--mode", "tree", "--tito-model", "default"], async (url) => {
			expect((await fetch(`${url}/health`)).status).toBe(200);
		});
	});
});

test("what would keep others off can't be written: nothing is served", async () => {
	const config = clusterConfig({ dataDir: join(dir, "gone"), checkpointDir: other });
	await expect(recordLaunch(config)).rejects.toThrow(ConfigError);
	await expect(recordLaunch(config)).rejects.toThrow("can't be written");
});
