// OpenSandbox's words as ours: lines of output, resources, places. Pure.
import { expect, it, test } from "vitest";
import { createRequest, placeOf } from "../../src/sandbox/routes/opensandbox/bodies.js";
import { readEntries } from "../../src/sandbox/routes/opensandbox/entries.js";
import { OutputLines } from "../../src/sandbox/routes/opensandbox/output-lines.js";
import { Fields } from "../../src/sandbox/routes/read-request.js";

it("lines of output are whole however the bytes come, and together they are the output", () => {
	const text = "é\n\r\n\nlong €\u2028x\nlast";
	for (let size = 1; size < 12; size++) {
		const lines = new OutputLines();
		const given: string[] = [];
		const bytes = Buffer.from(text);
		for (let at = 0; at < bytes.length; at += size) given.push(...lines.add(bytes.subarray(at, at + size)));
		given.push(...lines.end());
		expect(given).toEqual(["é\n", "\r\n", "\n", "long €\u2028x\n", "last"]);
	}
});

it("a line without an end is not held for ever", () => {
	const lines = new OutputLines();
	const given = Array.from({ length: 10 }, () => lines.add(Buffer.alloc(30_000, "x"))).flat();
	expect(given.map(({ length }) => length)).toEqual([90_000, 90_000, 90_000]);
	expect(lines.end().map(({ length }) => length)).toEqual([30_000]);
});

const created = (body: Record<string, unknown>) =>
	createRequest(new Fields({ timeout: 60, ...body }), { maxTtlS: 3600 });

test.each([
	[{ cpu: "500m" }, { cpu: 0.5 }],
	[{ cpu: "2" }, { cpu: 2 }],
	[{ memory: "2Gi" }, { memoryMib: 2048 }],
	[{ memory: "512Mi" }, { memoryMib: 512 }],
	// Never less than asked.
	[{ memory: "500M" }, { memoryMib: 477 }],
	[{ memory: "1048577" }, { memoryMib: 2 }],
])("resources %j are %j", (resourceLimits, resources) => {
	expect(created({ resourceLimits }).resources).toEqual(resources);
});

test.each(["1.5.0", "-1", "2 Gi", "", "0x10", "1e3", "Gi"])("no amount of memory is %j", (memory) => {
	expect(() => created({ resourceLimits: { memory } })).toThrow("resourceLimits.memory");
});

test("a network is all or nothing, and an end may be moved as far as any may", () => {
	expect(created({}).network).toBeNull();
	expect(created({ networkPolicy: { defaultAction: "deny", egress: [] } }).network).toBe("none");
	expect(created({ networkPolicy: { defaultAction: "allow" } }).network).toBe("bridge");
	expect(() => created({ networkPolicy: {} })).toThrow("networkPolicy.defaultAction");
	expect(created({}).maxTtlS).toBe(3600);
	expect(created({ timeout: 7200 }).maxTtlS).toBe(7200);
});

test.each([
	["/workspace", "."],
	["/workspace/", "."],
	["/workspace/a/../b/", "./b"],
	["a//b", "./a/b"],
	["-rf", "./-rf"],
	[".", "."],
	["/", "/"],
	["/workspacex", "/workspacex"],
	["/workspace/../etc/x", "/etc/x"],
	["/../etc", "/etc"],
])("the path %j is %j in the sandbox", (path, place) => {
	expect(placeOf(path, "path")).toBe(place);
});

test.each(["", "..", "../x", "a/../../x", "~/x", "a\0b"])("no path is %j", (path) => {
	expect(() => placeOf(path, "path")).toThrow("path must be");
});

it.each([
	["no number", "many\n"],
	["no end of the number", "12"],
	["fewer facts than it says", "2\n81a4 1 1 1 0 0 root root\n"],
	["fewer names than it says", "1\n81a4 1 1 1 0 0 root root\nname"],
	["something before it", "x\n1\n81a4 1 1 1 0 0 root root\nname\0"],
])("a list of files with %s is an error, and is not read for ever", (_name, printed) => {
	expect(() => readEntries(printed)).toThrow();
});
