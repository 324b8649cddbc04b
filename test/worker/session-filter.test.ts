// Which sessions a list is about, as a decision over a query.
import { expect, test } from "vitest";
import { sessionFilter } from "../../src/worker/session-filter.js";

const session = (metadataJson: string | null, chatsInFlight = 0) =>
	({ meta: { metadataJson }, chatsInFlight }) as Parameters<NonNullable<ReturnType<typeof sessionFilter>>>[0];
const passes = (query: string, metadataJson: string | null, chatsInFlight = 0) =>
	sessionFilter(new URLSearchParams(query))?.(session(metadataJson, chatsInFlight));

test("without anything asked for there is no filter", () => {
	expect(sessionFilter(new URLSearchParams("limit=3&running=false"))).toBeNull();
});

test.each<[string, string | null, boolean]>([
	["where=task=arc-17", '{"task":"arc-17"}', true],
	["where=task=arc", '{"task":"arc-17"}', false],
	["where=task=", '{"task":""}', true],
	["where=task=", '{"other":""}', false],
	["where=task=a=b", '{"task":"a=b"}', true],
	["where=n=1.0", '{"n":1.0}', true],
	["where=n=1", '{"n":1.0}', false],
	["where=on=true", '{"on":true}', true],
	["where=none=null", '{"none":null}', true],
	['where=list=["a"]', '{"list":["a"]}', true],
	["where=a=1&where=b=2", '{"a":1,"b":2}', true],
	["where=a=1&where=b=2", '{"a":1,"b":3}', false],
	["where=__proto__=x", '{"a":1}', false],
	["where=constructor=x", "{}", false],
	["where=a=1", null, false],
	["where=a=%E6%BC%A2%26", '{"a":"\\u6f22&"}', true],
])("%s of %s: %s", (query, metadataJson, passing) => {
	expect(passes(query, metadataJson)).toBe(passing);
});

test("running asks for those with a chat that runs or waits, together with the others", () => {
	expect([passes("running=true", null, 0), passes("running=true", null, 1)]).toEqual([false, true]);
	expect(passes("running=true&where=a=1", '{"a":1}', 0)).toBe(false);
	expect(passes("running=true&where=a=1", '{"a":1}', 2)).toBe(true);
});

test.each([
	["running=yes", "running"],
	["where=a", "where"],
	["where==a", "where"],
	["where=a=1&where=", "where"],
])("%s is refused by its name", (query, param) => {
	expect(() => sessionFilter(new URLSearchParams(query))).toThrow(
		expect.objectContaining({ code: "invalid_request", param }),
	);
});
