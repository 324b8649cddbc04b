// `npm run bench:idle`: what sessions cost a worker that nobody uses. With `--start N`: how long a start takes with N stored ones.
import { measureIdleMemory } from "./idle-memory.js";
import { numberFlag } from "./output.js";
import { measureStart } from "./stored-start.js";

const stored = numberFlag("start", 0);
if (stored > 0) await measureStart(stored);
else await measureIdleMemory();
