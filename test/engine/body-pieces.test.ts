// In how many pieces a body is sent: the same bytes, long ones from where they are.
import { expect, it } from "vitest";
import { bodyPieces } from "../../src/engine/http/body-pieces.js";

const KIB = 1024;
const bytes = (length: number, fill: number) => Buffer.alloc(length, fill);

it.each([
	["nothing", [], [0]],
	["a short body in one", [10, 200 * KIB, 5], [200 * KIB + 15]],
	["a long body in one piece as it is", [300 * KIB], [300 * KIB]],
	[
		"short ones of a long body together",
		[1, 2, 300 * KIB, 3, 4, 16 * KIB, 5],
		[3, 300 * KIB, 7, 16 * KIB, 5],
	],
	["long ones side by side apart", [200 * KIB, 0, 100 * KIB], [200 * KIB, 0, 100 * KIB]],
	["short ones only", Array.from({ length: 40 }, () => 10 * KIB), [400 * KIB]],
])("sends %s", (_what, lengths, expected) => {
	const chunks = lengths.map((length, at) => bytes(length, at + 1));
	const whole = Buffer.concat(chunks);
	const pieces = bodyPieces(chunks, whole.length);
	expect(pieces.map(({ length }) => length)).toEqual(expected);
	expect(Buffer.concat(pieces).equals(whole)).toBe(true);
	const long: readonly Buffer[] = chunks.filter(({ length }) => length >= 16 * KIB);
	const same = pieces.filter((piece) => long.includes(piece));
	if (whole.length >= 256 * KIB) expect(same.length).toBe(long.length);
});
