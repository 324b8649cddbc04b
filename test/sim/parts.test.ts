// The simulator's pure parts: number spelling, body scan, prefix cache, option table.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseBody } from "../../src/sim/engine/chat-request.js";
import { SIM_OPTIONS } from "../../src/sim/engine/options.js";
import { PrefixCache } from "../../src/sim/engine/prefix-cache.js";
import { pythonFloat } from "../../src/sim/engine/python-number.js";
import { RequestLog } from "../../src/sim/engine/request-log.js";
import { compileSimTunables } from "../../src/sim/engine/tunables.js";

describe("pythonFloat", () => {
	it.each([
		[-0, "-0.0"],
		[0, "0.0"],
		[3, "3.0"],
		[1e-7, "1e-07"],
		[-0.0001, "-0.0001"],
		[0.00009, "9e-05"],
		[1.5e-10, "1.5e-10"],
		[1e16, "1e+16"],
		[123456789012345680, "1.2345678901234568e+17"],
		[9007199254740991, "9007199254740991.0"],
		[1e300, "1e+300"],
		[0.1, "0.1"],
	])("spells %d as %s", (value, text) => {
		expect(pythonFloat(value)).toBe(text);
	});

	it("never changes the value", () => {
		fc.assert(
			fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
				expect(Object.is(Number(pythonFloat(value)), value)).toBe(true);
			}),
		);
	});
});

describe("parseBody", () => {
	it("reads the same ids as JSON.parse, whatever the spacing", () => {
		const space = fc.constantFrom("", " ", "\n", "\t ");
		fc.assert(
			fc.property(fc.array(fc.nat(2 ** 31 - 1)), space, space, fc.string(), (ids, a, b, text) => {
				const list = ids.map((id) => a + id + b).join(",");
				const body = `{"note":${JSON.stringify(text)},"input_ids"${a}:${b}[${list}],"x":1}`;
				const parsed = parseBody(Buffer.from(body));
				expect([...(parsed.inputIds ?? [])]).toEqual(ids);
				expect(parsed.fields.x).toBe(1);
				expect(parsed.fields.note).toBe(text);
			}),
		);
	});

	it.each([
		"",
		"[]",
		"nope",
		'{"input_ids":[1,]}',
		'{"input_ids":[1 2]}',
		'{"input_ids":[1.5]}',
		'{"input_ids":"1"}',
		'{"input_ids":[01]}',
	])("refuses %j", (text) => {
		expect(() => parseBody(Buffer.from(text))).toThrow();
	});
});

describe("PrefixCache", () => {
	it("answers the longest common prefix with anything added", () => {
		const sequences = fc.array(fc.array(fc.nat(3), { maxLength: 12 }), { maxLength: 20 });
		fc.assert(
			fc.property(sequences, fc.array(fc.nat(3), { maxLength: 12 }), (added, wanted) => {
				const cache = new PrefixCache(1_000_000);
				for (const ids of added) cache.add(Int32Array.from(ids));
				const common = (ids: number[]): number => {
					let at = 0;
					while (at < ids.length && at < wanted.length && ids[at] === wanted[at]) at++;
					return at;
				};
				expect(cache.match(Int32Array.from(wanted))).toBe(Math.max(0, ...added.map(common)));
			}),
		);
	});

	it("forgets the oldest when it is full", () => {
		const cache = new PrefixCache(100);
		cache.add(Int32Array.from({ length: 40 }, () => 1));
		for (let start = 2; start < 6; start++) cache.add(Int32Array.from({ length: 40 }, () => start));
		expect(cache.match(Int32Array.from([1, 1]))).toBe(0);
		expect(cache.match(Int32Array.from([5, 5]))).toBe(2);
	});
});

describe("RequestLog", () => {
	it("keeps the newest within its bounds of entries and bytes", () => {
		const log = new RequestLog(3, 10);
		for (let at = 0; at < 5; at++) {
			log.add({ atMs: 0, method: "POST", target: "/", httpVersion: "1.1", body: Buffer.alloc(4) }, []);
		}
		expect(log.list().map((entry) => entry.sequence)).toEqual([4, 5]);
	});
});

describe("SIM_OPTIONS", () => {
	it("has defaults that it accepts itself", () => {
		const tunables = compileSimTunables({});
		for (const option of SIM_OPTIONS) expect(tunables[option.name]).toBe(option.default);
	});

	it("names each option once and bounds every number", () => {
		expect(new Set(SIM_OPTIONS.map((option) => option.name)).size).toBe(SIM_OPTIONS.length);
		for (const option of SIM_OPTIONS) {
			if (typeof option.default === "number") expect([option.min, option.max]).not.toContain(undefined);
		}
	});
});
