// Every matcher by its name.
import type { ShownMessages } from "./canonical.js";
import { echoMatcher } from "./echo-matcher.js";
import { type MessageMatcher, type ReferenceMatcherName, referenceMatcher } from "./matcher.js";

/** `echo` is the default; the others are the reference server's. */
export type MatcherName = "echo" | ReferenceMatcherName;

/** @param shown what the template in use shows of messages */
export function messageMatcher(name: MatcherName, shown: ShownMessages): MessageMatcher {
	return name === "echo" ? echoMatcher(shown) : referenceMatcher(name);
}
