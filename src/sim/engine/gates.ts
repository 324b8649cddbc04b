// Named gates that hold answers until a test lets them go, and report when one has arrived.

interface Gate {
	arrived: number;
	held: Set<() => void>;
	/** Requests that may pass without waiting. */
	permits: number;
	open: boolean;
	watchers: Set<() => void>;
}

export interface GateState {
	/** Requests that ever reached the gate. */
	arrived: number;
	held: number;
	open: boolean;
}

export class Gates {
	readonly #gates = new Map<string, Gate>();

	#gate(name: string): Gate {
		let gate = this.#gates.get(name);
		if (!gate) {
			gate = { arrived: 0, held: new Set(), permits: 0, open: false, watchers: new Set() };
			this.#gates.set(name, gate);
		}
		return gate;
	}

	/** Resolves when the gate lets this request pass, or the signal fires. */
	async pass(name: string, signal: AbortSignal): Promise<void> {
		const gate = this.#gate(name);
		gate.arrived++;
		if (gate.open || signal.aborted || gate.permits > 0) {
			if (!gate.open && !signal.aborted) gate.permits--;
			for (const watcher of gate.watchers) watcher();
			return;
		}
		await new Promise<void>((resolve) => {
			const leave = (): void => {
				gate.held.delete(leave);
				signal.removeEventListener("abort", leave);
				resolve();
			};
			gate.held.add(leave);
			signal.addEventListener("abort", leave, { once: true });
			for (const watcher of gate.watchers) watcher();
		});
	}

	/** Lets `count` requests pass, held ones first, later ones as they come; without a count, opens it for good. */
	release(name: string, count?: number): GateState {
		const gate = this.#gate(name);
		if (count === undefined) {
			gate.open = true;
			for (const leave of [...gate.held]) leave();
		} else {
			const leaving = [...gate.held].slice(0, count);
			for (const leave of leaving) leave();
			gate.permits += count - leaving.length;
		}
		return this.state(name);
	}

	/** Resolves once `count` requests have reached the gate: true; false when the signal fires first. */
	async arrived(name: string, count: number, signal: AbortSignal): Promise<boolean> {
		const gate = this.#gate(name);
		if (gate.arrived >= count) return true;
		if (signal.aborted) return false;
		return await new Promise<boolean>((resolve) => {
			const finish = (reached: boolean): void => {
				gate.watchers.delete(check);
				resolve(reached);
			};
			const check = (): void => {
				if (gate.arrived >= count) finish(true);
			};
			gate.watchers.add(check);
			signal.addEventListener("abort", () => finish(false), { once: true });
		});
	}

	state(name: string): GateState {
		const gate = this.#gate(name);
		return { arrived: gate.arrived, held: gate.held.size, open: gate.open };
	}

	/** Opens and forgets every gate. */
	reset(): void {
		for (const name of this.#gates.keys()) this.release(name);
		this.#gates.clear();
	}
}
