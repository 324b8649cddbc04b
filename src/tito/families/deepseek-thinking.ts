// The three names that switch thinking of DeepSeek models on or off. Values only.
import type { KwargAliases } from "../tito.js";

export const DEEPSEEK_THINKING: KwargAliases = {
	flag: "thinking",
	names: [
		{ name: "thinking_mode", on: "thinking", off: "chat" },
		{ name: "enable_thinking", on: true, off: false },
		{ name: "thinking", on: true, off: false },
	],
	absent: true,
};
