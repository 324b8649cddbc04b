// Speaks to a simulated engine's control plane over HTTP, so that tests of any process can script it.
import type { CounterName, SimCounters } from "../engine/counters.js";
import type { GateState } from "../engine/gates.js";
import type { LoggedRequest } from "../engine/request-log.js";
import type { ScriptedAnswer } from "../engine/script.js";
import type { LoggedRequestJson } from "./control-port.js";

/** Every method throws an Error with the control plane's own words when a call fails or a wait runs out. */
export class SimControl {
	readonly #url: string;

	/** @param url the `controlUrl` of startSimEngine, without a trailing slash */
	constructor(url: string) {
		this.#url = url;
	}

	async #call<T>(method: string, path: string, body?: unknown): Promise<T> {
		const init: RequestInit = { method };
		if (body !== undefined) init.body = JSON.stringify(body);
		const response = await fetch(this.#url + path, init);
		const value = (await response.json()) as T & { error?: string };
		if (!response.ok) throw new Error(`sim control ${method} ${path}: ${value.error ?? response.status}`);
		return value;
	}

	/** Scripts the next answers, in order. */
	async script(...answers: ScriptedAnswer[]): Promise<void> {
		await this.#call("POST", "/script", answers);
	}

	/** Drops the scripted answers that were not used. */
	async clearScript(): Promise<void> {
		await this.#call("DELETE", "/script");
	}

	/** Waits until `count` requests have reached the gate since the last reset. */
	async arrivedAtGate(name: string, count = 1, timeoutMs = 10_000): Promise<GateState> {
		const query = `arrived=${count}&timeoutMs=${timeoutMs}`;
		return await this.#call("GET", `/gates/${encodeURIComponent(name)}?${query}`);
	}

	/** Lets `count` requests pass, now or as they come; without a count the gate stays open. */
	async release(name: string, count?: number): Promise<GateState> {
		return await this.#call(
			"POST",
			`/gates/${encodeURIComponent(name)}`,
			count === undefined ? {} : { count },
		);
	}

	async counters(): Promise<SimCounters> {
		return await this.#call("GET", "/counters");
	}

	/** Waits until a counter lies within the bounds. */
	async waitForCounter(
		name: CounterName,
		bounds: { atLeast?: number; atMost?: number },
		timeoutMs = 10_000,
	): Promise<SimCounters> {
		const query = new URLSearchParams({ timeoutMs: String(timeoutMs) });
		for (const [key, value] of Object.entries(bounds)) query.set(key, String(value));
		return await this.#call("GET", `/counters/${name}?${query}`);
	}

	/** What arrived on the engine's port, oldest first. */
	async requests(after = 0): Promise<LoggedRequest[]> {
		const list = await this.#call<LoggedRequestJson[]>("GET", `/requests?after=${after}`);
		return list.map(({ bodyBase64, ...rest }) => ({ ...rest, body: Buffer.from(bodyBase64, "base64") }));
	}

	/** Closes (false) or opens the engine's listening socket: while closed, connections are refused. */
	async listen(open: boolean): Promise<void> {
		await this.#call("POST", "/listen", { open });
	}

	/** Closes the engine's side of idle connections, or of all. */
	async closeConnections(which: "idle" | "all" = "idle"): Promise<void> {
		await this.#call("POST", "/close-connections", { which });
	}

	/** Misbehaves in these ways from now on, and in no other; a program's name stands for all of its ways. */
	async misbehave(...names: string[]): Promise<void> {
		await this.#call("POST", "/misbehave", { names });
	}

	/** Clears script, gates (held requests pass), log and totals, and misbehaves as it was started. */
	async reset(): Promise<void> {
		await this.#call("POST", "/reset");
	}
}
