// The probe against real sockets.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import { describe, expect, test } from "vitest";
import { probeUpstream } from "../../src/primary/upstream-probe.js";
import { within } from "../support/wait.js";

describe("the probe of the engine's address", () => {
	test("is content with anybody who listens", async () => {
		const server = createServer((socket) => socket.resume());
		await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
		const { port } = server.address() as AddressInfo;
		expect(await probeUpstream(`http://127.0.0.1:${port}/base`)).toBeNull();
		await new Promise((resolve) => server.close(resolve));
		expect(await probeUpstream(`http://127.0.0.1:${port}`)).toBe("ECONNREFUSED");
	});

	test("understands bracketed addresses", async () => {
		expect(await probeUpstream("http://[::1]:9")).toMatch(/^(ECONNREFUSED|EADDRNOTAVAIL|EAFNOSUPPORT)$/);
	});

	test("names a host that does not exist", async () => {
		expect(await probeUpstream("http://no-such-host.invalid:8000", 15_000)).toMatch(
			/^(ENOTFOUND|EAI_AGAIN)$/,
		);
	});

	test("gives up on an address that stays silent", async () => {
		// Listens, and never accepts: once its backlog is full the kernel lets the next connection wait.
		const blocked = `const server = require("node:net").createServer();
			server.listen({ port: 0, host: "127.0.0.1", backlog: 1 }, () => {
				require("node:fs").writeSync(1, server.address().port + "\\n");
				Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
			});`;
		const child = spawn(process.execPath, ["-e", blocked], { stdio: ["ignore", "pipe", "inherit"] });
		const [line] = await within("the port", 5_000, once(child.stdout, "data"));
		const port = Number(String(line));
		const fill = Array.from({ length: 16 }, () => connect(port, "127.0.0.1").on("error", () => undefined));
		try {
			expect(await probeUpstream(`http://127.0.0.1:${port}`, 300)).toBe("TIMEOUT");
		} finally {
			for (const socket of fill) socket.destroy();
			child.kill("SIGKILL");
		}
	});
});
