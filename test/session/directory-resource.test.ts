// The rules of a session's resource, for one that is a directory.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DirectoryResource } from "../support/directory-resource.js";
import { describeSessionResource } from "./resource-conformance.js";

describeSessionResource("A directory of a session", async () => {
	const root = mkdtempSync(join(tmpdir(), "rollpin-resource-"));
	let made = 0;
	return {
		start: () => new DirectoryResource(root),
		handle: () => JSON.stringify({ name: `d${made++}` }),
		left: async () => new DirectoryResource(root).left(),
		lose: (session, handleJson) => new DirectoryResource(root).close(session, handleJson),
		stop: async () => rmSync(root, { recursive: true, force: true }),
	};
});
