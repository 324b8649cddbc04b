import { defineConfig } from "vitest/config";

export default defineConfig({
	test: {
		include: ["test/**/*.test.ts"],
		testTimeout: 30_000,
		hookTimeout: 30_000,
		// For two cores: the tests of real processes wait for a third of their time.
		maxWorkers: 3,
		reporters: ["default"],
	},
});
