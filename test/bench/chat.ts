// `npm run bench:chat`: plain turns through one worker, the naive server, and at the engine itself.
import { compare } from "./compare.js";
import { numberFlag } from "./output.js";

await compare("chat", {
	shape: {
		sessions: numberFlag("sessions", 16),
		turns: numberFlag("turns", 8),
		wordsIn: numberFlag("words-in", 100),
		tokensOut: numberFlag("tokens-out", 200),
	},
	r3BytesPerToken: 0,
	store: process.argv.includes("--memory") ? "memory" : "disk",
	rounds: numberFlag("rounds", 3),
	naive: !process.argv.includes("--skip-naive"),
});
