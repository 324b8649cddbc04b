// A real browser with a page of another origin against a cluster without a token: nothing is read, nothing is changed.
// Needs Debian's chromium.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ServedCluster } from "../support/served-cluster.js";
import { within } from "../support/wait.js";

const hasBrowser = spawnSync("chromium", ["--version"]).status === 0;
if (!hasBrowser) process.stderr.write("skipped: no chromium here (Debian's package has it)\n");

const PAGE = `<!doctype html><iframe name="frame"></iframe><script type="module">
const target = new URLSearchParams(location.search).get("target");
const chat = '{"messages":[{"role":"user","content":"planted"}]}';
const simple = { method: "POST", mode: "no-cors" };
const json = { "content-type": "application/json" };
const tries = {
	"a chat as text": () => fetch(target + "/sessions/planted/v1/chat/completions", { ...simple, body: chat }),
	"a chat without a type": () => fetch(target + "/sessions/planted/v1/chat/completions", { ...simple, body: new Blob([chat]) }),
	"a chat as JSON": () => fetch(target + "/sessions/planted/v1/chat/completions", { method: "POST", headers: json, body: chat }),
	"a drain": () => fetch(target + "/cluster/workers/0/drain", simple),
	"a beacon": () => navigator.sendBeacon(target + "/sessions", '{"metadata":{"from":"beacon"}}'),
	"a cancel": () => fetch(target + "/sessions/kept/cancel", simple),
	"a delete": () => fetch(target + "/sessions/kept", { method: "DELETE" }),
	"a read": () => fetch(target + "/cluster").then((reply) => reply.text()),
	"a form": () => new Promise((resolve) => {
		const form = Object.assign(document.createElement("form"), { method: "post", enctype: "text/plain", target: "frame", action: target + "/sessions" });
		form.append(Object.assign(document.createElement("input"), { name: '{"metadata":{"from":"', value: 'form"}}' }));
		document.body.append(form);
		document.querySelector("iframe").onload = () => resolve("sent");
		form.submit();
	}),
};
const seen = {};
for (const [name, attempt] of Object.entries(tries)) {
	try {
		const reply = await attempt();
		seen[name] = reply instanceof Response ? reply.type + " " + reply.status : String(reply);
	} catch (error) {
		seen[name] = "blocked";
	}
}
await fetch("/seen", { method: "POST", body: JSON.stringify(seen) });
</script>`;

let cluster: ServedCluster;
let url: string;
let port: number;
let site: Server;
let told: Promise<Record<string, string>>;
const profile = mkdtempSync(join(tmpdir(), "rollpin-browser-"));
beforeAll(async () => {
	if (!hasBrowser) return;
	// One worker: a page of GET /sessions is one worker's.
	const flags = ["--port", "0", "--store", "memory", "--backends", "1", "--log-format", "json"];
	cluster = new ServedCluster(flags, { bare: true });
	({ url, port } = await cluster.ready());
	told = new Promise((resolve) => {
		site = createServer((req, res) => {
			if (req.url !== "/seen") return void res.setHeader("content-type", "text/html").end(PAGE);
			let text = "";
			req.setEncoding("utf8").on("data", (piece: string) => {
				text += piece;
			});
			req.on("end", () => {
				res.end();
				resolve(JSON.parse(text) as Record<string, string>);
			});
		});
	});
	await new Promise<void>((resolve) => site.listen(0, "127.0.0.1", resolve));
}, 60_000);
afterAll(async () => {
	rmSync(profile, { recursive: true, force: true });
	if (!hasBrowser) return;
	await cluster.stop();
	site.closeAllConnections();
	site.close();
});

/** What the page at that address looks like; `until` ends it earlier. */
async function browse(address: string, until?: Promise<unknown>): Promise<string> {
	const flags = [
		"--headless=new",
		"--no-sandbox",
		"--disable-gpu",
		"--no-first-run",
		`--user-data-dir=${profile}`,
	];
	const names = "--host-resolver-rules=MAP rebound.example 127.0.0.1";
	const show = until === undefined ? ["--dump-dom"] : ["--remote-debugging-port=0"];
	const browser = spawn("chromium", [...flags, names, ...show, address], {
		stdio: ["ignore", "pipe", "ignore"],
		detached: true,
	});
	let dom = "";
	browser.stdout.setEncoding("utf8").on("data", (piece: string) => {
		dom += piece;
	});
	const closed = once(browser, "close");
	try {
		await within(`the browser at ${address}`, 60_000, until ?? closed);
		return dom;
	} finally {
		// Its group: it has many processes.
		if (browser.exitCode === null && browser.pid !== undefined) process.kill(-browser.pid, "SIGKILL");
		await closed;
	}
}

test.skipIf(!hasBrowser)(
	"a page of another origin creates, changes, cancels and reads nothing",
	async () => {
		const asked = { method: "POST", headers: { "content-type": "application/json" } };
		const body = JSON.stringify({ messages: [{ role: "user", content: "x" }], max_tokens: 4 });
		expect((await fetch(`${url}/sessions/kept/v1/chat/completions`, { ...asked, body })).status).toBe(200);
		const { port: sitePort } = site.address() as AddressInfo;
		await browse(`http://127.0.0.1:${sitePort}/?target=${encodeURIComponent(url)}`, told);
		expect(await told).toEqual({
			"a chat as text": "opaque 0",
			"a chat without a type": "opaque 0",
			"a chat as JSON": "blocked",
			"a drain": "opaque 0",
			"a beacon": "true",
			"a cancel": "opaque 0",
			"a delete": "blocked",
			"a read": "blocked",
			"a form": "sent",
		});
		const { sessions } = (await (await fetch(`${url}/sessions`)).json()) as {
			sessions: Array<{ session_id: string }>;
		};
		expect(sessions.map(({ session_id }) => session_id)).toEqual(["kept"]);
		const { workers } = (await (await fetch(`${url}/cluster`)).json()) as {
			workers: Array<Record<string, unknown>>;
		};
		expect(workers[0]?.["drain"]).toBe(false);
		const metrics = await (await fetch(`${url}/metrics`)).text();
		// Six simple requests, three preflights; a browser may send one of them twice, or leave one out.
		const refused = /^rollpin_refused_total\{[^}]*code="forbidden"[^}]*\} (\d+)$/m.exec(metrics)?.[1];
		expect(Number(refused)).toBeGreaterThanOrEqual(6);
	},
	120_000,
);

test.skipIf(!hasBrowser)(
	"a name of a stranger that leads here shows nothing; the machine's own does",
	async () => {
		const strange = await browse(`http://rebound.example:${port}/cluster`);
		expect(strange).toContain("forbidden");
		expect(strange).not.toContain("instance_id");
		expect(await browse(`http://localhost:${port}/cluster`)).toContain("instance_id");
	},
	120_000,
);
