// A file's bytes for OpenSandbox's clients when what runs in the sandbox gives more of them than it announced.
import { connect } from "node:net";
import { expect, it } from "vitest";
import { NOTHING_ASKED } from "../../src/sandbox/request.js";
import { serveSandboxes } from "../support/sandbox-server.js";

it("A download never has a byte beyond its length, where the next answer on the connection begins", async () => {
	const server = await serveSandboxes();
	try {
		const head = "#!/bin/sh\nprintf 'abcEXTRA'\n";
		const asked = {
			...NOTHING_ASKED,
			env: { PATH: "bin:/usr/bin:/bin" },
			files: [
				{ path: "bin/head", content: Buffer.from(head) },
				{ path: "file", content: Buffer.from("abc") },
			],
		};
		const { id } = await server.sandboxes.create(asked, { key: null, fingerprint: "" });
		const chmod = {
			argv: ["chmod", "+x", "bin/head"],
			stdin: null,
			env: {},
			cwd: null,
			timeoutMs: 10_000,
			outputLimitBytes: 100,
		};
		await server.sandboxes.commands.run(id, chmod, new AbortController().signal);
		const { hostname, port } = new URL(server.url);
		const socket = connect(Number(port), hostname);
		const path = `/v1/sandboxes/${id}/proxy/44772/files/download?path=file`;
		socket.write(`GET ${path} HTTP/1.1\r\nHost: ${hostname}\r\nConnection: close\r\n\r\n`);
		let got = "";
		for await (const bytes of socket as AsyncIterable<Buffer>) got += bytes.toString();
		expect(got).toContain("content-length: 3\r\n");
		expect(got).not.toContain("EXTRA");
	} finally {
		await server.stop();
	}
});
