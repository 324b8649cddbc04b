// Options of the help section Storage: where sessions are kept and what they survive.
import { choice, path } from "../option-types.js";

const STORAGE = "Storage";

export const STORAGE_OPTIONS = {
	dataDir: path({
		group: STORAGE,
		description: "directory of the durable state; made if absent",
		placeholder: "dir",
		fallback: "./rollpin-data",
	}),
	store: choice({
		group: STORAGE,
		description: "disk: sessions survive restarts; memory: they die with their worker",
		placeholder: "kind",
		choices: ["disk", "memory"],
		fallback: "disk",
	}),
	durability: choice({
		group: STORAGE,
		description: "what an answered turn survives: kill -9 of any process, or loss of power (slower)",
		placeholder: "level",
		choices: ["process", "power"],
		fallback: "process",
	}),
	evictDump: path({
		group: STORAGE,
		description: "directory an expiring session is written to before it goes",
		placeholder: "dir",
		fallback: null,
		defaultText: "off",
	}),
};
