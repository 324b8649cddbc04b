// Looks at /health and /ready many times a second and at /metrics once, and keeps what they said. Judges nothing but their own form.
import { Client } from "undici";
import { type Look, NO_ANSWER } from "./health-truth.js";

const LOOK_EVERY_MS = 100;
const SCRAPE_EVERY_MS = 1_000;
const TIMEOUT_MS = 15_000;
/** A process has 250 ms; the rest is the machine's. */
const SLOW_SCRAPE_MS = 5_000;

interface Health {
	status: string;
	checks: Record<"workers" | "engine" | "store" | "log", string>;
}

export interface Scrapes {
	count: number;
	/** Nobody answered. */
	failed: number;
	/** Without the primary's part, which had not come in time. */
	incomplete: number;
	slowestMs: number;
}

export class HealthWatch {
	/** Oldest first. */
	readonly looks: Look[] = [];
	readonly scrapes: Scrapes = { count: 0, failed: 0, incomplete: 0, slowestMs: 0 };
	/** Answers that contradict themselves. */
	readonly findings: string[] = [];
	readonly #url: string;
	#stopped = false;
	readonly #loops: Array<Promise<void>>;

	constructor(url: string) {
		this.#url = url;
		this.#loops = [
			this.#every(LOOK_EVERY_MS, (client) => this.#look(client)),
			this.#every(SCRAPE_EVERY_MS, (client) => this.#scrape(client)),
		];
	}

	async stop(): Promise<void> {
		this.#stopped = true;
		await Promise.all(this.#loops);
	}

	async #every(pauseMs: number, work: (client: Client) => Promise<void>): Promise<void> {
		const client = new Client(this.#url);
		while (!this.#stopped) {
			await work(client);
			await new Promise((resolve) => setTimeout(resolve, pauseMs));
		}
		await client.destroy();
	}

	async #look(client: Client): Promise<void> {
		const askedMs = performance.now();
		try {
			const health = await get(client, "/health");
			const ready = await get(client, "/ready");
			const { checks, status } = JSON.parse(health.text) as Health;
			const isWell = Object.values(checks).every((state) =>
				["ok", "unknown", "none", "differs", "skipped"].includes(state),
			);
			if (status === "ok" && !isWell)
				this.findings.push(`/health is ok, and its checks are ${JSON.stringify(checks)}`);
			if (status === "degraded" && isWell)
				this.findings.push("/health is degraded, and all its checks are well");
			const { engine, log, store, workers } = checks;
			const told = { workers, engine: engine === "unknown" ? "ok" : engine, store, log };
			this.#keep(askedMs, { ...told, health: `${health.status}`, ready: `${ready.status}` });
		} catch {
			const none = NO_ANSWER;
			this.#keep(askedMs, { workers: none, engine: none, store: none, log: none, health: none, ready: none });
		}
	}

	#keep(askedMs: number, told: Look["told"]): void {
		this.looks.push({ askedMs, toldMs: performance.now(), told });
	}

	async #scrape(client: Client): Promise<void> {
		const askedMs = performance.now();
		try {
			const { status, text } = await get(client, "/metrics");
			this.scrapes.count++;
			if (status !== 200 || !text.includes("\nrollpin_http_requests_total{"))
				this.findings.push(`${(askedMs / 1000).toFixed(1)} s: /metrics is answered ${status}`);
			if (!text.includes("\nrollpin_build_info{")) this.scrapes.incomplete++;
			const tookMs = performance.now() - askedMs;
			this.scrapes.slowestMs = Math.max(this.scrapes.slowestMs, Math.round(tookMs));
			if (tookMs > SLOW_SCRAPE_MS) this.findings.push(`a scrape took ${Math.round(tookMs)} ms`);
		} catch {
			this.scrapes.failed++;
		}
	}
}

async function get(client: Client, path: string): Promise<{ status: number; text: string }> {
	const { body, statusCode } = await client.request({
		method: "GET",
		path,
		signal: AbortSignal.timeout(TIMEOUT_MS),
	});
	return { status: statusCode, text: await body.text() };
}
