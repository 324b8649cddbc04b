// What the router counts of its requests, and the bound on a scrape.
import { describe, expect, it, onTestFinished } from "vitest";
import { RouterMetrics } from "../../src/router/metrics.js";
import { createMetrics } from "../../src/telemetry/metrics/metrics.js";
import { rawRequest } from "../support/raw-client.js";
import { startRouter } from "../support/router-rig.js";
import { until } from "../support/wait.js";

const NEVER = new Promise<readonly string[]>(() => undefined);

describe("GET /metrics", () => {
	it("is the router's own text and everybody else's", async () => {
		const metrics = new RouterMetrics(
			createMetrics("router"),
			async () => "# HELP b B\n# TYPE b gauge\nb 2\n",
			async () => ["# HELP a A\n# TYPE a gauge\na 1\n"],
		);
		expect(await metrics.text()).toBe("# HELP a A\n# TYPE a gauge\na 1\n# HELP b B\n# TYPE b gauge\nb 2\n");
	});

	it("goes without a primary that does not answer, and counts that", async () => {
		const counts = createMetrics("router");
		const metrics = new RouterMetrics(
			counts,
			async () => "# HELP b B\n# TYPE b gauge\nb 2\n",
			() => NEVER,
		);
		expect(await metrics.text()).toContain("b 2");
		expect(counts.scrapes_missed_total.at("primary").value).toBe(1);
	});

	it("is made once for all who ask meanwhile", async () => {
		let asked = 0;
		const metrics = new RouterMetrics(
			createMetrics("router"),
			async () => "",
			async () => {
				asked++;
				return [];
			},
		);
		await Promise.all([metrics.text(), metrics.text()]);
		await metrics.text();
		expect(asked).toBe(2);
	});
});

describe("requests", () => {
	it("are counted by path, method and status: relayed, refused, left and unreadable ones", async () => {
		let hung = false;
		const rig = await startRouter([
			(request, response) => {
				if (request.url?.endsWith("/slow") === true) hung = true;
				else {
					response.statusCode = request.method === "DELETE" ? 204 : 201;
					response.end();
				}
			},
		]);
		onTestFinished(() => rig.close());
		const counts = () =>
			[...rig.counts.http_requests_total.cells()].map(
				([labels, { value }]) => `${labels.join(" ")} ${value}`,
			);
		const id = "0".repeat(32);
		await fetch(`${rig.url}/sessions/${id}`);
		await fetch(`${rig.url}/sessions/${id}`, { method: "DELETE" });
		await fetch(`${rig.url}/sessions/${id}/x`, { method: "PUT", body: "y" });
		// Not plain: node's server reads it.
		const chunked = "POST /sessions HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n";
		expect((await rawRequest(rig.port, chunked)).status).toBe(201);
		await fetch(`${rig.url}/health`);
		await fetch(`${rig.url}/nothing`);
		const gone = new AbortController();
		const left = fetch(`${rig.url}/sessions/${id}/slow`, { signal: gone.signal }).catch(() => undefined);
		await until("the slow request", 5_000, () => hung);
		gone.abort();
		await left;
		await until("all counts", 5_000, () => counts().some((line) => line.includes("499")));
		expect(counts()).toEqual(
			expect.arrayContaining([
				"/sessions/{id} GET 201 1",
				"/sessions/{id} DELETE 204 1",
				"/sessions/{id}/{path} PUT 201 1",
				"/sessions POST 201 1",
				"/health GET 200 1",
				"other GET 404 1",
				"/sessions/{id}/{path} GET 499 1",
			]),
		);
		expect(rig.counts.refused_total.at("not_found").value).toBe(1);
		expect(rig.counts.http_request_seconds.at("/sessions/{id}").counts.reduce((a, b) => a + b)).toBe(2);
	});

	it("of unknown methods and unreadable bytes have no label of the client's", async () => {
		const rig = await startRouter([null]);
		onTestFinished(() => rig.close());
		await fetch(`${rig.url}/health`, { method: "PROPFIND" });
		await rawRequest(rig.port, "nonsense\r\n\r\n");
		await until("both counts", 5_000, () => [...rig.counts.http_requests_total.cells()].length === 2);
		const labels = [...rig.counts.http_requests_total.cells()].map(([each]) => each);
		expect(labels).toEqual(
			expect.arrayContaining([
				["other", "other", "405"],
				["other", "other", "400"],
			]),
		);
	});
});
