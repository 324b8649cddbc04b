// What the router counts, and GET /metrics: its own text and those that the primary gathered. Bounded in time.
import type { OwnPath } from "../base/paths.js";
import { ENGINE_METHODS } from "../base/paths.js";
import { mergeTexts } from "../telemetry/metrics/exposition.js";
import type { Metrics } from "../telemetry/metrics/metrics.js";

/** A path of the table, what goes to the engine below a session, or neither. */
export type RouteLabel = OwnPath | "/sessions/{id}/{path}" | "other";

/** The primary gives the workers 250 ms; so much later it counts as silent itself. */
const GATHER_MS = 500;
/** A request whose client left before it had any of an answer. */
export const NO_ANSWER = 499;

const METHODS: ReadonlySet<string> = new Set(ENGINE_METHODS);

export class RouterMetrics {
	readonly #counts: Metrics<"router">;
	readonly #own: () => Promise<string>;
	readonly #gather: () => Promise<readonly string[]>;
	#scrape: Promise<string> | null = null;

	/** @param gather the texts of everybody else */
	constructor(
		counts: Metrics<"router">,
		own: () => Promise<string>,
		gather: () => Promise<readonly string[]>,
	) {
		this.#counts = counts;
		this.#own = own;
		this.#gather = gather;
	}

	/** To be called once for each request, at its end. */
	answered(route: RouteLabel, method: string, status: number, elapsedMs: number): void {
		const known = METHODS.has(method) ? method : "other";
		this.#counts.http_requests_total.at(route, known, String(status)).value++;
		this.#counts.http_request_seconds.at(route).observe(elapsedMs / 1000);
	}

	/** The router itself answered with this error. */
	refused(code: string): void {
		this.#counts.refused_total.at(code).value++;
	}

	/** What was sent is no request that anybody could name. */
	refusedRaw(code: string, status: number): void {
		this.refused(code);
		this.#counts.http_requests_total.at("other", "other", String(status)).value++;
	}

	/** Never rejects. Who asks while one is made gets that one. */
	text(): Promise<string> {
		this.#scrape ??= this.#make().finally(() => {
			this.#scrape = null;
		});
		return this.#scrape;
	}

	async #make(): Promise<string> {
		const others = await within(GATHER_MS, this.#gather());
		if (others === null) this.#counts.scrapes_missed_total.at("primary").value++;
		return mergeTexts([...(others ?? []), await this.#own()]);
	}
}

/** What `work` gives, or null when it is not there in time. */
async function within<T>(timeoutMs: number, work: Promise<T>): Promise<T | null> {
	let timer: NodeJS.Timeout | undefined;
	const timeout = new Promise<null>((resolve) => {
		timer = setTimeout(resolve, timeoutMs, null);
	});
	try {
		return await Promise.race([work, timeout]);
	} finally {
		clearTimeout(timer);
	}
}
