// `npm run bench:r3`: turns with replay payloads through one worker, the naive server, and at the engine itself.
import { compare } from "./compare.js";
import { numberFlag } from "./output.js";

await compare(
	"r3",
	{
		sessions: numberFlag("sessions", 4),
		turns: numberFlag("turns", 8),
		wordsIn: numberFlag("words-in", 500),
		tokensOut: numberFlag("tokens-out", 1_000),
	},
	numberFlag("bytes-per-token", 1_000),
	process.argv.includes("--memory") ? "memory" : "lmdb",
);
