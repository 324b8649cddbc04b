// The systemd unit of deploy/systemd, by systemd's own check.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, it } from "vitest";
import { REPOSITORY } from "../support/run-rollpin.js";

const here = spawnSync("systemd-analyze", ["--version"]).status === 0;
if (!here) process.stderr.write("skipped: systemd-analyze is not installed (Debian: systemd)\n");

it.skipIf(!here)("systemd has nothing to say of the unit", () => {
	const unit = join(REPOSITORY, "deploy/systemd/rollpin.service");
	const { stderr, stdout } = spawnSync("systemd-analyze", ["verify", unit], { encoding: "utf8" });
	// It loads what the unit wants too, and may complain of this machine's own units.
	expect((stdout + stderr).split("\n").filter((line) => line.includes("rollpin"))).toEqual([]);
});
