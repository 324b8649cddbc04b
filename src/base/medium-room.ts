// How much of the data dir's medium stays free: the one place that the store and whoever watches it take it from. Pure.

const MIB = 1024 * 1024;

/** Beyond it a turn is refused: starting, reading and deleting go on in it. */
export const STORE_RESERVE_BYTES = 64 * MIB;

/** Fewer free bytes than this are worth a warning: a twentieth of the medium, between 128 MiB and 1 GiB. */
export function lowRoomBytes(totalBytes: number): number {
	return Math.max(2 * STORE_RESERVE_BYTES, Math.min(1024 * MIB, totalBytes / 20));
}
