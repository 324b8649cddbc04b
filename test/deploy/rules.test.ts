// The scrape configuration and the alert rules of deploy/prometheus, by Prometheus' own checks.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { METRIC_ROWS } from "../../src/telemetry/metrics/table.js";
import { hasProgram, promtool } from "../support/prometheus.js";
import { REPOSITORY } from "../support/run-rollpin.js";

const PROMTOOL = hasProgram("promtool");
const directory = join(REPOSITORY, "deploy/prometheus");
const read = (name: string) => readFileSync(join(directory, name), "utf8");

it.skipIf(!PROMTOOL)("promtool has nothing to say of the scrape configuration and its rules", () => {
	const { code, output } = promtool(["check", "config", join(directory, "prometheus.yml")]);
	expect(output).toContain("SUCCESS");
	expect([code, output.match(/FAILED|error/gi)]).toEqual([0, null]);
});

it.skipIf(!PROMTOOL)("each alert fires on what it is for, and none on a cluster that is well", () => {
	const { code, output } = promtool(["test", "rules", join(directory, "rules.test.yml")]);
	expect([code, output]).toEqual([0, expect.stringContaining("SUCCESS")]);
});

it("every alert has its test on both sides, a severity, and a remedy", () => {
	const rules = read("rules.yml");
	const tests = read("rules.test.yml");
	const alerts = [...rules.matchAll(/- alert: (\w+)/g)].map(([, name]) => name as string);
	expect(alerts.length).toBeGreaterThan(10);
	for (const alert of alerts) {
		expect(tests).toContain(`alertname: ${alert}, exp_alerts: []`);
		expect(tests).toMatch(new RegExp(`alertname="${alert}"|alertname: ${alert}\\n`));
	}
	for (const key of ["labels: { severity:", "summary:", "remedy:"])
		expect(rules.split(key).length - 1).toBe(alerts.length);
});

it("every metric of the rules is one of the table", () => {
	const names = new Set(
		[...read("rules.yml").matchAll(/\brollpin_(\w+?)(?:_bucket)?\b(?=[{[)\s])/g)].map(([, name]) => name),
	);
	expect(names.size).toBeGreaterThan(8);
	const known = new Set<string>(METRIC_ROWS.map(([name]) => name));
	expect([...names].filter((name) => !known.has(name as string))).toEqual([]);
});
