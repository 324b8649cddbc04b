// Ids of sandboxes and of commands: unguessable, chosen before the thing is made. Pure.
import { randomHex } from "../base/random-hex.js";

const SANDBOX_ID = /^sbx-[0-9a-f]{32}$/;

export function newSandboxId(): string {
	return `sbx-${randomHex(16)}`;
}

export function isSandboxId(text: string): boolean {
	return SANDBOX_ID.test(text);
}

export function newExecId(): string {
	return `exec-${randomHex(16)}`;
}
