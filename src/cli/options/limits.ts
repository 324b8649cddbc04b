// The part of the option table that bounds what clients may ask for. Every limit says the status it ends in.
import { decimal, integer } from "../option-types.js";

const LIMITS = "Limits";

export const LIMIT_OPTIONS = {
	maxBodyMib: decimal({
		group: LIMITS,
		description: "largest request body; above it 413",
		unit: "MiB",
		min: 0.001,
		max: 511,
		fallback: 256,
	}),
	maxMessages: integer({
		group: LIMITS,
		description: "messages in one chat request; above it 413",
		min: 1,
		max: 1_000_000,
		fallback: 10_000,
	}),
	maxJsonDepth: integer({
		group: LIMITS,
		description: "nesting of a request's JSON; above it 400",
		placeholder: "levels",
		min: 4,
		max: 1000,
		fallback: 64,
	}),
	maxTurns: integer({
		group: LIMITS,
		description: "turns one session may hold; above it 413",
		min: 1,
		max: 1_000_000,
		fallback: 10_000,
	}),
	maxSessionTokens: integer({
		group: LIMITS,
		description: "tokens one session may hold, prompt and generated; above it 413",
		min: 1,
		max: 100_000_000,
		fallback: 1_048_576,
	}),
	maxSessions: integer({
		group: LIMITS,
		description: "live sessions per worker; above it creating one is 429",
		min: 1,
		max: 10_000_000,
		fallback: 20_000,
	}),
	maxQueue: integer({
		group: LIMITS,
		description: "chats that may wait for one session's running chat; above it 429",
		min: 0,
		max: 10_000,
		fallback: 16,
	}),
	maxInflight: integer({
		group: LIMITS,
		description: "chats running or waiting per worker; above it 429",
		min: 1,
		max: 1_000_000,
		fallback: 4096,
	}),
	maxInflightMib: decimal({
		group: LIMITS,
		description: "bytes of chats in flight per worker; above it 429",
		unit: "MiB",
		min: 0.001,
		max: 1_048_576,
		fallback: null,
		defaultText: "half the memory shared by the workers, at least --max-body-mib, at most 4096",
	}),
	maxTreeNodes: integer({
		group: LIMITS,
		description: "turns of one tree-mode session; above it 413",
		min: 1,
		max: 1_000_000,
		fallback: 1024,
	}),
};
