// When a turn's tools are told as changed: the decision, case by case.
import { describe, expect, it } from "vitest";
import type { TurnId } from "../../src/base/ids.js";
import { toolsChange } from "../../src/session/turn/tools-change.js";
import type { TurnStatus } from "../../src/store/store.js";

const turn = (id: number, toolsHash?: string | null, status: TurnStatus = "committed") => ({
	id: id as TurnId,
	status,
	...(toolsHash === undefined ? {} : { toolsHash }),
});

describe("a change of tools", () => {
	it.each([
		["other tools", "a", "b", "replaced"],
		["tools where there were none", null, "b", "added"],
		["no tools any more", "a", null, "removed"],
	])("is told for %s", (_what, before, after, change) => {
		expect(toolsChange(turn(1, after), turn(0, before), [])).toEqual({ turn: 1, change });
	});

	it.each([
		["the same tools", turn(1, "a"), turn(0, "a"), []],
		["no tools before and now", turn(1, null), turn(0, null), []],
		["a first turn", turn(1, "a"), null, []],
		["a first turn in the place of another", turn(1, "a"), null, [turn(0, "b")]],
		["a turn whose parent is of an older version", turn(1, "a"), turn(0), []],
		["an aborted generation, which is no turn of the path", turn(1, "b", "provisional"), turn(0, "a"), []],
		["a retry with the tools of the turn it discards", turn(2, "b"), turn(0, "a"), [turn(1, "b")]],
	])("is not told for %s", (_what, made, parent, discarded) => {
		expect(toolsChange(made, parent, discarded)).toBeNull();
	});

	it("is told again for a retry with yet other tools", () => {
		expect(toolsChange(turn(2, "c"), turn(0, "a"), [turn(1, "b")])).toEqual({ turn: 2, change: "replaced" });
	});
});
