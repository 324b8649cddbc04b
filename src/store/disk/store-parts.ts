// What all partitions of one worker's store share. Types only.
import type { SessionId } from "../../base/ids.js";
import type { Descriptors } from "../files/descriptors.js";
import type { FreeSpace } from "../files/free-space.js";
import type { Medium } from "../files/medium.js";
import type { FlushQueue } from "./flush-queue.js";
import type { Images } from "./images.js";

export interface TableEvents {
	damaged(id: SessionId | null, file: string, why: string): void;
	/** A loss of power took the session's last moments. */
	rolledBack(id: SessionId, bytes: number): void;
}

export interface StoreParts {
	medium: Medium;
	descriptors: Descriptors;
	images: Images;
	space: FreeSpace;
	flushes: FlushQueue;
	events: TableEvents;
	/** Of this owner. */
	epoch: number;
	/** Commits are on the medium before they are acknowledged. */
	durable: boolean;
	/** Of this boot of the machine; 0: not known. */
	bootTag: number;
	/** Gives up room that is kept for burials; false when there is none. */
	makeRoom(): boolean;
}
