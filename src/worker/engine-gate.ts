// What this worker knows of the engine before it renders for it: release, tool schema, verdict. Holds chats till then.
import { RollpinError } from "../base/errors.js";
import type { EngineIdentity } from "../engine/engine.js";
import { NEWEST_TOOL_SCHEMA, type ToolSchemaVersion } from "../tito/tools.js";
import type { EngineChecker } from "./engine-checker.js";

/** Of an engine that answered. */
export type AnsweredIdentity = Extract<EngineIdentity, { kind: "answered" }>;

export interface EngineGateParts {
	/** Of the engine; for messages. */
	url: string;
	/** `--tool-schema-version`. */
	toolSchemaVersion: ToolSchemaVersion | "auto";
	/** Asks the engine what it is; never throws. */
	read: () => Promise<EngineIdentity>;
	/** Renders tools so from now on. */
	useToolSchema: (version: ToolSchemaVersion) => void;
	/** The engine answered what it is, for the first time or otherwise than before. */
	onRead: (identity: AnsweredIdentity, toolSchema: ToolSchemaVersion) => void;
	nowMs: () => number;
	/** Null without a truth check. */
	checker: Pick<EngineChecker, "forget" | "pass" | "refusal"> | null;
}

/** An engine that kept silent, or cannot be used, is not asked again before that: a chat meanwhile ends as the one before. */
const RETRY_MS = 1_000;

export class EngineGate {
	readonly #parts: EngineGateParts;
	/** Null while nobody has answered since the last `forget`. */
	#identity: AnsweredIdentity | null = null;
	#lastName = "";
	#reading: Promise<EngineIdentity> | null = null;
	#nextReadMs = Number.NEGATIVE_INFINITY;

	constructor(parts: EngineGateParts) {
		this.#parts = parts;
		if (parts.toolSchemaVersion !== "auto") parts.useToolSchema(parts.toolSchemaVersion);
	}

	/** Why the engine cannot be used, as one sentence, by its last answers; null when it can, or nobody knows. */
	get unfit(): string | null {
		return this.#identity?.unfit ?? this.#parts.checker?.refusal ?? null;
	}

	/**
	 * Asks the engine if nobody did since the last `forget`; and again where it could not be used: no chat goes there that would
	 * notice when another engine takes its place.
	 * @returns why it cannot be used, or null
	 */
	async look(): Promise<string | null> {
		const stands = (this.#identity?.unfit ?? null) === null || this.#parts.nowMs() < this.#nextReadMs;
		const identity = (stands ? this.#identity : null) ?? (await this.#read());
		if (identity.kind === "unreachable" || identity.unfit === null) return null;
		return `the engine at ${this.#parts.url} cannot be used: ${identity.unfit}`;
	}

	/**
	 * Before a chat is rendered: the engine's release decides how. Waits only while that is not known yet; an engine
	 * that does not answer is left to the chat itself, which says so in its own words.
	 * @throws RollpinError `upstream_unfit` for an engine that cannot be used; as `EngineChecker.pass` does
	 */
	async pass(): Promise<void> {
		if (this.#identity === null && this.#reading === null && this.#parts.nowMs() < this.#nextReadMs)
			return this.#parts.checker?.pass();
		const reason = await this.look();
		if (reason !== null) throw new RollpinError("upstream_unfit", `${reason}; nothing was sent`);
		await this.#parts.checker?.pass();
	}

	/** The engine may be another one by now: it was away. */
	forget(): void {
		this.#identity = null;
		this.#parts.checker?.forget();
	}

	#read(): Promise<EngineIdentity> {
		this.#reading ??= this.#readOnce().finally(() => {
			this.#reading = null;
		});
		return this.#reading;
	}

	async #readOnce(): Promise<EngineIdentity> {
		const { nowMs, onRead, read, toolSchemaVersion, useToolSchema } = this.#parts;
		const identity = await read();
		if (identity.kind === "unreachable") {
			// A refused connection costs nothing, and the next chat may be the first that gets through.
			if (identity.code === "TIMEOUT") this.#nextReadMs = nowMs() + RETRY_MS;
			return identity;
		}
		this.#identity = identity;
		if (identity.unfit !== null) this.#nextReadMs = nowMs() + RETRY_MS;
		const version =
			toolSchemaVersion === "auto" ? (identity.toolSchema ?? NEWEST_TOOL_SCHEMA) : toolSchemaVersion;
		useToolSchema(version);
		if (this.#lastName !== identity.name) onRead(identity, version);
		this.#lastName = identity.name;
		return identity;
	}
}
