// Looks at a cluster again and again: its state, its health, what its metrics did lately. Changes nothing there.
import { ConfigError } from "../base/errors.js";
import type { ClusterClient } from "./cluster-client.js";
import { type ClusterLoad, loadOf } from "./cluster-load.js";
import type { ClusterHealth, ClusterStatus } from "./cluster-status.js";
import { parseExposition } from "./exposition.js";
import type { Scrape } from "./growth.js";
import { LateFigures } from "./late-figures.js";

export interface Look {
	cluster: ClusterStatus;
	health: ClusterHealth;
	load: ClusterLoad;
}

/** Rates and latencies are those of about so long: of one look alone they would jump. */
const WINDOW_S = 10;

export class ClusterWatch {
	readonly #client: ClusterClient;
	readonly #late = new LateFigures();
	/** Oldest first. */
	readonly #scrapes: Scrape[] = [];

	constructor(client: ClusterClient) {
		this.#client = client;
	}

	/** @throws as `ClusterClient.ask`; ConfigError when what answers is no cluster */
	async look(): Promise<Look> {
		const cluster = await this.#client.ask<ClusterStatus>("GET", "/cluster");
		if (!Array.isArray(cluster.workers))
			throw new ConfigError(`${this.#client.url} is not a Rollpin cluster; check --url`);
		const [health, text] = await Promise.all([
			this.#client.askAnyway<ClusterHealth>("/health"),
			this.#client.text("/metrics"),
		]);
		const atS = performance.now() / 1000;
		const { late, samples } = this.#late.complete(parseExposition(text), cluster.workers, atS);
		const now = { atS, samples };
		while (this.#scrapes.length > 1 && now.atS - (this.#scrapes[0]?.atS ?? 0) > WINDOW_S)
			this.#scrapes.shift();
		const load = loadOf(this.#scrapes[0] ?? null, now, Date.now() / 1000, late);
		this.#scrapes.push(now);
		return { cluster, health, load };
	}
}
