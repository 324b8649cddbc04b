// Qwen Code: the CLI itself in headless mode, reading files of a scratch folder by scripted tool calls.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { run, script } from "./driver.mjs";

const program = fileURLToPath(new URL("node_modules/.bin/qwen", import.meta.url));

async function readFiles(session) {
	const folder = mkdtempSync(join(tmpdir(), "qwen-code-"));
	try {
		const file = join(folder, "note.txt");
		writeFileSync(file, "hello é\n");
		const look = ["Let me look.", "list_directory", { path: folder }];
		await script(session, look, ["", "read_file", { file_path: file }], "All done.");
		const place = ["--openai-api-key", "none", "--openai-base-url", session.baseURL, "--model", "default"];
		const args = ["--auth-type", "openai", ...place, "-p", "Look at the files."];
		const { status } = spawnSync(program, args, { cwd: folder, stdio: ["ignore", 2, 2], timeout: 150_000 });
		if (status !== 0) throw new Error(`qwen ended with exit code ${status}`);
	} finally {
		rmSync(folder, { recursive: true, force: true });
	}
}

await run([["qwen -p, two tool calls", readFiles]]);
