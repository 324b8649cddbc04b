// One scrape's texts: of all who answer in time, and of nobody else.
import { expect, it } from "vitest";
import type { ToChild } from "../../src/ipc/messages.js";
import type { SlotState } from "../../src/primary/child-slot.js";
import { MetricsGatherer } from "../../src/primary/metrics-gatherer.js";

function rig(
	states: readonly SlotState[],
	own: () => Promise<string> = async () => "own",
	timeoutMs = 10_000,
) {
	const asked: Array<{ index: number; seq: number }> = [];
	const missed: string[] = [];
	const gatherer = new MetricsGatherer({
		workers: states.map((state, index) => ({
			index,
			state,
			send: (message: ToChild) =>
				void (message.type === "ask_metrics" && asked.push({ index, seq: message.seq })),
		})),
		own,
		missed: (process) => void missed.push(process),
		timeoutMs,
	});
	return { asked, gatherer, missed };
}

it("asks the workers that run, and ends as soon as all have answered", async () => {
	const { asked, gatherer, missed } = rig(["ready", "starting", "draining", "down", "quarantined"]);
	const texts = gatherer.gather();
	expect(asked.map(({ index }) => index)).toEqual([0, 2]);
	for (const { index, seq } of asked) gatherer.answered(index, seq, `of ${index}`);
	expect((await texts).sort()).toEqual(["of 0", "of 2", "own"]);
	expect(missed).toEqual([]);
});

it("goes without who does not answer in time, and tells of each, the primary included", async () => {
	const { asked, gatherer, missed } = rig(["ready", "ready"], () => new Promise(() => undefined), 5);
	const texts = gatherer.gather();
	gatherer.answered(1, asked[1]?.seq ?? 0, "of 1");
	expect(await texts).toEqual(["of 1"]);
	expect(missed.sort()).toEqual(["primary", "worker 0"]);
});

it("takes no answer twice, none to an earlier question, and none that comes late", async () => {
	const { asked, gatherer } = rig(["ready", "ready"], undefined, 5);
	const first = gatherer.gather();
	gatherer.answered(0, 1, "of 0");
	gatherer.answered(0, 1, "of 0 again");
	expect((await first).sort()).toEqual(["of 0", "own"]);
	gatherer.answered(1, 1, "late");
	const second = gatherer.gather();
	gatherer.answered(0, 1, "to the first question");
	gatherer.answered(1, asked.at(-1)?.seq ?? 0, "of 1");
	expect((await second).sort()).toEqual(["of 1", "own"]);
});
