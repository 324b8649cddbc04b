// What a commit does to one session's obligations, key by key. Pure but for the reads it is handed.
import type { SessionId } from "../../base/ids.js";
import type { Obligation } from "../store.js";
import type { KeyRange } from "./keys.js";
import { obligationKey, obligationRange } from "./keys.js";
import { decodeRecord, encodeRecord } from "./records.js";

interface ObligationSeams {
	get(key: Buffer): Buffer | undefined;
	scan(range: KeyRange, visit: (key: Uint8Array, value: Buffer) => void): void;
	change(key: Buffer, value: Buffer | null): void;
}

export class ObligationPlan {
	readonly #id: SessionId;
	readonly #seams: ObligationSeams;
	/** By resource, whether one stands as this commit leaves them so far. */
	readonly #stands = new Map<string, boolean>();
	/** Resources that it settled, whatever came after that. */
	readonly #settled = new Set<string>();

	constructor(id: SessionId, seams: ObligationSeams) {
		this.#id = id;
		this.#seams = seams;
	}

	stands(resource: string): boolean {
		return this.#stands.get(resource) ?? this.#seams.get(obligationKey(this.#id, resource)) !== undefined;
	}

	put(resource: string, handleJson: string): void {
		this.#put({ session: this.#id, resource, handleJson, ended: false });
	}

	settle(resource: string): void {
		this.#settled.add(resource);
		this.#remove(resource);
	}

	/** The session is buried, and the plan begins again: those that are stored and were not settled stay. */
	end(): void {
		this.#stands.clear();
		for (const resource of this.#settled) this.#remove(resource);
		this.#seams.scan(obligationRange(this.#id), (_key, value) => {
			const { session, resource, handleJson } = decodeRecord("obligation", value);
			if (!this.#settled.has(resource)) this.#put({ session, resource, handleJson, ended: true });
		});
	}

	#put(obligation: Obligation): void {
		this.#seams.change(obligationKey(this.#id, obligation.resource), encodeRecord("obligation", obligation));
		this.#stands.set(obligation.resource, true);
	}

	#remove(resource: string): void {
		this.#seams.change(obligationKey(this.#id, resource), null);
		this.#stands.set(resource, false);
	}
}
