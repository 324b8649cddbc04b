// Why a partition is not served, with what to do about it. Concerns no other partition.

/** Its message is for the log. */
export class RefusedPartition extends Error {
	constructor(why: string, options?: ErrorOptions) {
		super(
			`${why}, so the partition can't be served: restore the data dir from a copy, or move the partition's directory ` +
				"away to begin it anew without its sessions",
			options,
		);
	}
}
