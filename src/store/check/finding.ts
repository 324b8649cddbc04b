// What a check of a data dir finds, and what is to be done about it. Pure.

/** A place in a file of the data dir. */
export interface Place {
	/** Path. */
	file: string;
	/** Byte in the file; null: it is about the file as a whole. */
	offset: number | null;
	what: string;
}

export interface Finding {
	/**
	 * `damaged`: what it is about is refused by a cluster. `harmed`: it is served whole, but something is not as it was written.
	 * `leftover`: files that nobody needs, which are no harm.
	 */
	kind: "damaged" | "harmed" | "leftover";
	/** What it is about. */
	scope: "session" | "partition" | "data_dir";
	partition: number | null;
	/** Null: it is about no session, or nobody can tell about which. */
	session: string | null;
	what: string;
	/** The first ones, where there are many. */
	places: readonly Place[];
	/** Of a session, when its frames can be read. Null otherwise. */
	turns: { stored: number; whole: number[] } | null;
	/** What `rollpin export` can still take of it; null: it is not about what is exported. */
	exportable: string | null;
	remedy: string;
}

/** Of each finding so many places are told. */
export const PLACES_TOLD = 20;

const ALL_OF_IT = "all of it";
const NOTHING_OF_IT = "nothing of it";

const RESTORE =
	"with the cluster stopped, restore the files named here from a copy of the same moment, or DELETE the session";

export function damagedSession(
	about: Pick<Finding, "partition" | "session" | "what" | "places" | "turns">,
): Finding {
	return { kind: "damaged", scope: "session", ...about, exportable: NOTHING_OF_IT, remedy: RESTORE };
}

export function harmedSession(
	about: Pick<Finding, "partition" | "session" | "what" | "places" | "turns">,
): Finding {
	const remedy = "export it now; the medium that changed these bytes may change others";
	return { kind: "harmed", scope: "session", ...about, exportable: ALL_OF_IT, remedy };
}

export function leftover(partition: number | null, file: string, what: string, remedy: string): Finding {
	const places = [{ file, offset: null, what }];
	const scope = partition === null ? "data_dir" : "partition";
	return {
		kind: "leftover",
		scope,
		partition,
		session: null,
		what,
		places,
		turns: null,
		exportable: null,
		remedy,
	};
}
