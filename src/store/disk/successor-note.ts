// Says in a session's file that another one goes on from it.
import type { Medium } from "../files/medium.js";
import { SUCCESSOR_AT } from "../files/slots.js";
import type { Steps } from "../files/steps.js";
import { encodeSuccessor } from "../files/successor.js";
import { isSystemError } from "../store-errors.js";
import type { Segment } from "./session-files.js";

/**
 * To be called once that file counts: whoever finds the former one to be the newest knows that it is gone. Not worth an error:
 * without it that one is not missed.
 * @param flushed no loss of power takes that file
 */
export function* noteSuccessor(
	{ medium, bootTag }: { medium: Medium; bootTag: number },
	former: Segment,
	{ stamp, length }: Segment,
	flushed: boolean,
): Steps<void> {
	try {
		const fd = yield* medium.open(former.file.path, "r+");
		try {
			const bytes = encodeSuccessor({ ...stamp, length, flushed, bootTag }, former.seed);
			yield* medium.write(fd, bytes, SUCCESSOR_AT);
		} finally {
			medium.close(fd);
		}
	} catch (error) {
		if (!isSystemError(error)) throw error;
	}
}
