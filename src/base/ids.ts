// Branded ids: a session id cannot be passed where a request id is due.
declare const brand: unique symbol;
type Branded<T, Name extends string> = T & { readonly [brand]: Name };

/** 1-128 characters of `A-Z a-z 0-9 . _ -`, not starting with a dot. */
export type SessionId = Branded<string, "SessionId">;
/** 0-based sequence number of a turn inside its session, in commit order. Never reused. */
export type TurnId = Branded<number, "TurnId">;
/** 8 lower-case hex digits; one chat request inside this cluster's logs. */
export type RequestId = Branded<string, "RequestId">;
/** 0-based index of a worker slot, stable over respawns. */
export type WorkerIndex = Branded<number, "WorkerIndex">;
/** 0..63, fixed for the life of a data dir. */
export type Partition = Branded<number, "Partition">;
