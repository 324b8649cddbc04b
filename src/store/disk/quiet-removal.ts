// Removes a file that nobody needs, whatever comes of it.
import type { Medium } from "../files/medium.js";
import type { Steps } from "../files/steps.js";
import { isMissing } from "../store-errors.js";

/** False when it is still there. @param length of the file, about */
export function* removeQuietly(medium: Medium, path: string, length = 0): Steps<boolean> {
	try {
		yield* medium.remove(path, length);
		return true;
	} catch (error) {
		return isMissing(error);
	}
}
