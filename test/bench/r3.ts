// `npm run bench:r3`: turns with replay payloads through one worker, the naive server, and at the engine itself.
import { type Comparison, compare } from "./compare.js";
import { measureGrowth, printGrowth } from "./growth.js";
import { numberFlag } from "./output.js";

const bytesPerToken = numberFlag("bytes-per-token", 1_000);
const store = process.argv.includes("--memory") ? "memory" : "disk";
const growth = await measureGrowth(store, {
	sessions: 2,
	marks: [10, 20, 40, 60],
	window: 4,
	wordsIn: 500,
	tokensOut: 1_000,
	r3BytesPerToken: bytesPerToken,
});
printGrowth(growth);
const comparison: Comparison = {
	shape: {
		sessions: numberFlag("sessions", 4),
		turns: numberFlag("turns", 8),
		wordsIn: numberFlag("words-in", 500),
		tokensOut: numberFlag("tokens-out", 1_000),
	},
	r3BytesPerToken: bytesPerToken,
	store,
	rounds: numberFlag("rounds", 3),
	naive: !process.argv.includes("--skip-naive"),
};
await compare("r3", comparison, { growth });
