import { defineConfig } from "vitest/config";

export default defineConfig({
	test: {
		include: ["test/**/*.test.ts"],
		testTimeout: 30_000,
		hookTimeout: 30_000,
		// Two cores everywhere: more files at once only makes deadlines tell lies.
		maxWorkers: 2,
		reporters: ["default"],
	},
});
