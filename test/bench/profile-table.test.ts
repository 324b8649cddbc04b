import { expect, test } from "vitest";
import { profileTable } from "./profile-table.js";

const frame = (functionName: string, url = "file:///x/room/file.js") => ({
	functionName,
	scriptId: "1",
	url,
	lineNumber: 1,
	columnNumber: 0,
});

test("a function's own time and that of what it calls are told apart; a function that calls itself counts once, waiting not at all", () => {
	const profile = {
		startTime: 0,
		endTime: 100,
		nodes: [
			{ id: 1, callFrame: frame("(root)", ""), children: [2, 5] },
			{ id: 2, callFrame: frame("outer"), children: [3] },
			{ id: 3, callFrame: frame("again"), children: [4] },
			{ id: 4, callFrame: frame("again") },
			{ id: 5, callFrame: frame("(idle)", "") },
		],
		samples: [2, 3, 4, 5],
		timeDeltas: [10, 20, 10, 60],
	};
	expect(profileTable(profile, 2)).toEqual({
		self: [
			{ name: "again room/file.js:2", percent: 75 },
			{ name: "outer room/file.js:2", percent: 25 },
		],
		inclusive: [
			{ name: "outer room/file.js:2", percent: 100 },
			{ name: "again room/file.js:2", percent: 75 },
		],
	});
});
