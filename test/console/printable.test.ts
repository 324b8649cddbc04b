// Text of others on an operator's terminal: what it would do there stands as an escape.
import { expect, test } from "vitest";
import { printable } from "../../src/console/printable.js";

test.each([
	["plain text, ä 漢字 🙂 and \\ stay", "plain text, ä 漢字 🙂 and \\ stay"],
	["a\nb\r\tc", "a\\nb\\r\\tc"],
	["\u001b[2J\u001b]0;title\u0007", "\\e[2J\\e]0;title\\u{7}"],
	["\u009b31m\u007f\u0000", "\\u{9b}31m\\u{7f}\\u{0}"],
	["safe\u202egnp.exe\u2066\u200f", "safe\\u{202e}gnp.exe\\u{2066}\\u{200f}"],
	["line\u2028para\u2029\ufeff", "line\\u{2028}para\\u{2029}\\u{feff}"],
	["half \ud83d and \ude42 half", "half \\u{d83d} and \\u{de42} half"],
])("%j is shown as %j", (text, shown) => {
	expect(printable(text)).toBe(shown);
});
