// The bearer check as a table.
import { expect, test } from "vitest";
import { createAuthorize } from "../../src/router/auth.js";

test.each<[string, string[], boolean]>([
	["the token", ["Bearer s3cret"], true],
	["the scheme in lower case", ["bearer s3cret"], true],
	["nothing", [], false],
	["another token", ["Bearer s3creT"], false],
	["a longer token", ["Bearer s3cret1"], false],
	["a shorter token", ["Bearer s3cre"], false],
	["an empty token", ["Bearer "], false],
	["no scheme", ["s3cret"], false],
	["another scheme", ["Basic s3cret"], false],
	["the token twice", ["Bearer s3cret", "Bearer s3cret"], false],
])("%s", (_what, authorizations, allowed) => {
	expect(createAuthorize("s3cret")(authorizations)).toBe(allowed);
});

test("without a configured token everything is allowed", () => {
	expect(createAuthorize(null)(["Bearer of", "anything"])).toBe(true);
});
