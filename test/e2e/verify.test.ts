// `rollpin verify` as a program against a cluster and its simulated engine.
import { afterEach, expect, test } from "vitest";
import { runRollpin } from "../support/run-rollpin.js";
import { ServedCluster } from "../support/served-cluster.js";

let cluster: ServedCluster;
afterEach(() => cluster.stop());

async function verify(...flags: string[]) {
	cluster = new ServedCluster(flags);
	const { url } = await cluster.ready();
	return runRollpin(["verify", "--url", url, "--turns", "2"]);
}

test("verify prints the engine's rendering and its scores, and ends with 0", async () => {
	const { code, stdout } = await verify();
	expect(stdout).toMatch(/tool_choice named +\d+ +same/);
	expect(stdout).toMatch(
		/rescored by the engine: same \d+ ids; of [1-9]\d* sampled tokens the largest \|dlogprob\| is 0\.00/,
	);
	expect(code).toBe(0);
}, 60_000);

test("verify fails when the engine spells tools otherwise", async () => {
	const { code, stdout } = await verify("--tool-schema-version", "2");
	expect(stdout).toMatch(/PROBLEM "tools" differs from token \d+ on/);
	expect(code).toBe(1);
}, 60_000);
