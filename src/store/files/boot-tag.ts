// A machine's boot in four bytes, as slots have it. Pure.
import { crc32 } from "node:zlib";

/** 0: the boot can't be told, and is never the same. */
export function bootTagOf(bootId: string | null): number {
	return bootId === null ? 0 : Math.max(1, crc32(bootId));
}
