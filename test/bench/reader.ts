// Role: a client that reads one answer as fast as it comes, drops the bytes, and tells how long that took.
import { Client } from "undici";
import { ready } from "./processes.js";
import type { ReadReport, ReadRequest } from "./read-on.js";

const [origin, socketPath] = process.argv.slice(2);
const client = new Client(origin ?? "", {
	...(socketPath === undefined ? {} : { socketPath }),
	headersTimeout: 0,
	bodyTimeout: 0,
});

async function read({ method, path }: ReadRequest): Promise<ReadReport> {
	const startedMs = performance.now();
	const report = { status: 0, bytes: 0, firstByteMs: Number.NaN, elapsedMs: 0 };
	try {
		const reply = await client.request({
			method,
			path,
			...(method === "POST" ? { headers: { "content-type": "application/json" }, body: "{}" } : {}),
		});
		for await (const piece of reply.body) {
			if (report.bytes === 0) report.firstByteMs = performance.now() - startedMs;
			report.bytes += (piece as Buffer).length;
		}
		report.status = reply.statusCode;
	} catch {
		// Told by the status: a subject may be unable to answer, and the table shows that.
	}
	report.elapsedMs = performance.now() - startedMs;
	return report;
}

process.on("message", async (request) => {
	process.send?.(await read(request as ReadRequest));
});
ready({}, () => client.destroy());
