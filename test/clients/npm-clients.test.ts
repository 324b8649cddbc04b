// The npm clients' own loops (openai, Vercel AI SDK) against real processes: every chat sent is a turn kept, in every setting.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Place, startPlace } from "../../scripts/clients/processes.js";
import { runClient } from "../../scripts/clients/run-client.js";
import { CLIENTS } from "../../scripts/clients/table.js";

let workDir: string;
const places: Place[] = [];

beforeAll(async () => {
	workDir = mkdtempSync(join(tmpdir(), "rollpin-npm-clients-"));
	for (const reasoning of [false, true]) {
		const settings = (["linear", "tree"] as const).map((mode) => ({ mode, reasoning }));
		places.push(...(await Promise.all(settings.map((setting) => startPlace(setting, workDir)))));
	}
}, 120_000);

afterAll(async () => {
	await Promise.all(places.map((place) => place.stop()));
	rmSync(workDir, { recursive: true, force: true });
});

test.each(CLIENTS.filter(({ environment }) => environment === "node"))(
	"$name keeps every turn: plain and with reasoning, linear and tree mode",
	async (client) => {
		const { loops } = await runClient(client, places, { dir: null, workDir });
		expect(loops.length).toBeGreaterThan(3);
		for (const { label, cells, good } of loops) {
			const sent = Object.values(cells)[0]?.split(" ")[0];
			const whole = Object.fromEntries(places.map(({ name }) => [name, `${sent} -> ${sent}`]));
			expect({ label, cells, good }).toEqual({ label, cells: whole, good: true });
		}
	},
	120_000,
);
