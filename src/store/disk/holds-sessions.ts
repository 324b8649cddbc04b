// Whether a data dir holds sessions at all. Reads only.
import { openDiskReader } from "./reader.js";

/** Of a partition that can't be read it is not known: whoever restores it would find it continued by others. */
export async function mayHoldSessions(dataDir: string): Promise<boolean> {
	let refused = false;
	const onPartitionRefused = (): void => {
		refused = true;
	};
	const store = await openDiskReader({ dataDir, onPartitionRefused });
	try {
		for await (const _session of store.sessions()) return true;
		return refused;
	} finally {
		await store.close();
	}
}
