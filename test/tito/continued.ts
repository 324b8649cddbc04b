// Stored ids and a suffix, put together as a session does it.
import type { SuffixInput, Tito } from "../../src/tito/tito.js";

export async function continued(tito: Tito, stored: Int32Array, suffix: SuffixInput): Promise<Int32Array> {
	const { trimCount, insert } = tito.joinBoundary(stored.at(-1));
	const kept = stored.subarray(0, stored.length - trimCount);
	return Int32Array.from([...kept, ...insert, ...(await tito.encodeSuffix(suffix))]);
}
