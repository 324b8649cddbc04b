// Every matcher by its name.
import type { MatcherName } from "../../store/store.js";
import type { ShownMessages } from "../path/canonical.js";
import { echoMatcher } from "./echo-matcher.js";
import { type MessageMatcher, referenceMatcher } from "./matcher.js";

/** `echo` is the default; the others are the reference server's. */
export const MATCHERS: readonly MatcherName[] = ["echo", "strict", "loose_tool_call", "role_content_only"];

/** @param shown what the template in use shows of messages */
export function messageMatcher(name: MatcherName, shown: ShownMessages): MessageMatcher {
	return name === "echo" ? echoMatcher(shown) : referenceMatcher(name);
}

export function allMatchers(shown: ShownMessages): Readonly<Record<MatcherName, MessageMatcher>> {
	return {
		echo: messageMatcher("echo", shown),
		strict: messageMatcher("strict", shown),
		loose_tool_call: messageMatcher("loose_tool_call", shown),
		role_content_only: messageMatcher("role_content_only", shown),
	};
}
