// `npm run bench:r3`: turns with replay payloads through one worker, the naive server, and at the engine itself.
import { compare } from "./compare.js";
import { numberFlag } from "./output.js";

await compare("r3", {
	shape: {
		sessions: numberFlag("sessions", 4),
		turns: numberFlag("turns", 8),
		wordsIn: numberFlag("words-in", 500),
		tokensOut: numberFlag("tokens-out", 1_000),
	},
	r3BytesPerToken: numberFlag("bytes-per-token", 1_000),
	store: process.argv.includes("--memory") ? "memory" : "disk",
	rounds: numberFlag("rounds", 3),
	naive: !process.argv.includes("--skip-naive"),
});
