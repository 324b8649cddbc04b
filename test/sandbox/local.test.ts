// The conformance suite over child processes of this machine.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LocalBackend } from "../../src/sandbox/local/local-backend.js";
import { describeBackend } from "./conformance.js";

describeBackend("local", async () => {
	const root = mkdtempSync(join(tmpdir(), "rollpin-local-"));
	return {
		start: async () => new LocalBackend(root),
		image: "local",
		lose: async (id) => rmSync(join(root, id), { recursive: true, force: true }),
		stop: async () => rmSync(root, { recursive: true, force: true }),
	};
});
