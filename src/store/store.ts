// What a worker asks of durable state. Values are plain; the store knows nothing of chat or tokens.
import type { SessionId, TurnId } from "../base/ids.js";

export type TurnStatus = "committed" | "provisional" | "superseded";

/** A session without its turns. Times are float Unix seconds. */
export interface SessionMeta {
	id: SessionId;
	createdAt: number;
	expiresAt: number;
	/** Last end of a request; the idle limit counts from here. */
	lastUsedAt: number;
	/** The client's `metadata` object as it spelled it (JSON text), or null. */
	metadataJson: string | null;
	/** The client's `request_overrides` object as it spelled it (JSON text), or null. */
	overridesJson: string | null;
	/** Current turn, or null before the first commit. Never a provisional turn. */
	head: TurnId | null;
	/** The provisional turn, if the last generation was aborted. */
	provisional: TurnId | null;
	/** Next turn id; ids are never reused. */
	nextTurn: TurnId;
	/** Committed turns on the active path. */
	turnCount: number;
	/** Tokens of the head. */
	tokenCount: number;
	/** What the session was created with in place of the launch's; absent: the launch's. */
	mode?: "linear" | "tree";
	messageMatcher?: MatcherName;
	/** Absent: nothing but turns that went on; see `metadata.history` of a read. */
	history?: StoredHistory;
	/** Ends of its sandboxes that no client asked for, the newest last; absent: none. */
	sandboxEnds?: readonly StoredSandboxEnd[];
}

/** As a read shows it. */
export interface StoredSandboxEnd {
	sandbox_id: string;
	state: "ended";
	/** `expired`, `lost`, `oom`. */
	reason: string;
	/** Float Unix seconds. */
	at: number;
}

/** Names of the rules by which a message sent again counts as the stored one. */
export type MatcherName = "echo" | "strict" | "loose_tool_call" | "role_content_only";

/** As `SessionHistory` of the sessions' room. */
export interface StoredHistory {
	rollbacks: number;
	refused: number;
	branches: number;
	last: { kind: string; at: number; turn: TurnId | null; path: string } | null;
}

/** What an acknowledged commit survives: the death of any process, or a loss of power too. */
export type Durability = "process" | "power";

/** The named byte parts of one turn. Every part is what this turn added, never what it inherited. */
export type PartName =
	/** Bytes of `request.messages`' content (between the brackets) after `messagesShared` bytes of the parent's. */
	| "messages"
	/** Prompt ids appended after the parent's tokens (after the trim), little-endian int32. */
	| "prompt"
	/** Sampled ids, little-endian int32. */
	| "completion"
	/** One little-endian float64 per sampled id. */
	| "logprobs"
	/** The request as sent to the engine, its holes cut out. */
	| "request"
	/** The engine's reply, its holes cut out. */
	| "reply"
	/** An opaque payload that was cut out of the reply: `payload:<n>`, in the order of its hole. */
	| `payload:${number}`;

/** Everything about one turn that is small enough to keep in memory. JSON-serializable. */
export interface TurnHeader {
	id: TurnId;
	parent: TurnId | null;
	status: TurnStatus;
	/** Engine's finish_reason of choice 0; null when it sent null. */
	finishReason: string | null;
	/** Wall clock at commit and at the arrival of the request, float Unix seconds. */
	timestamp: number;
	requestTimestamp: number;
	/** Tokens dropped from the end of the parent's before this turn's prompt ids were appended. */
	trimCount: number;
	/** Lengths in tokens. The turn's whole sequence is parent's - trimCount + promptLength + completionLength. */
	promptLength: number;
	completionLength: number;
	/** Whole sequence length, root to the end of this turn's completion. */
	tokenCount: number;
	/** Messages in the whole path including the generated one. */
	messageCount: number;
	/** Messages in this turn's request, as the client sent it. */
	requestCount: number;
	/** Bytes of the parent's messages content that this turn's request repeats. */
	messagesShared: number;
	/** Offset in the `messages` part at which the appended (unmatched) messages begin, and how many there are. */
	appendedOffset: number;
	appendedCount: number;
	/** Byte offset in the `request` part of the messages hole and of the input_ids hole. */
	requestHoles: { messages: number; inputIds: number };
	/** Offsets in the `reply` part of what was cut out, ascending; `part` names what to put back. */
	replyHoles: Array<{ offset: number; part: `payload:${number}` | "prompt_token_ids" }>;
	/** Byte range of choice 0's `message` object in the `reply` part. */
	replyMessage: { start: number; end: number };
	/** The engine's reply id ("" when it sent none). */
	responseId: string;
	/** SHA-256 (hex) of the request that made this turn, and its idempotency key; null without one. */
	idempotency: { key: string; requestSha256: string } | null;
	/** Rows the routed-experts payload starts at (`--r3 incremental`), else null. */
	routedExpertsStartLen: number | null;
	/** Its prompt ids begin with what closes the parent's answer, which a stop string had ended. */
	stopJoin?: true;
	/** Its payload parts were given up (`--r3-keep latest`). */
	payloadsDropped?: true;
	/** Tells its request's tools from another turn's; null: it had none. Absent in turns of older versions: not known. */
	toolsHash?: string | null;
	/** Canonical JSON of the template kwargs it was rendered with. Absent in turns of older versions: not known. */
	templateKwargs?: string;
}

export interface Tombstone {
	id: SessionId;
	reason: "deleted" | "expired";
	/** Float Unix seconds. */
	at: number;
}

/**
 * Something outside the store that a session has made or may have made, and that must be closed before this is settled.
 * It outlives the session. A session has one of each resource at a time.
 */
export interface Obligation {
	session: SessionId;
	/** Which kind of thing: printable ASCII. */
	resource: string;
	/** What closing it takes, small JSON text, chosen before it is made. */
	handleJson: string;
	/** Its session was buried. */
	ended: boolean;
}

/** A part that another one is likely to begin as. */
export interface PartBase {
	turn: TurnId;
	part: PartName;
	/**
	 * So many bytes are known to be the base's, byte for byte, and are not among the given ones, which follow them. The
	 * commit is refused when the base is gone. Without it nothing is known.
	 */
	shared?: number;
}

/** Reads one part from its beginning. */
export interface PartCursor {
	/** Fills `buffer` from its start; fewer bytes only at the end, 0 after it. @throws TurnGone as `part` */
	read(buffer: Buffer): Promise<number>;
	/**
	 * As `read`, at once: for pieces so small that the event loop may be held up for them. An empty buffer asks whether that
	 * may go on: null when the medium is too slow for it. From that answer on every call is answered with null, and reads
	 * nothing; `read` goes on from there. @throws TurnGone as `part`
	 */
	readNow(buffer: Buffer): number | null;
	close(): Promise<void>;
}

/**
 * One atomic change. All ops of a commit become visible and durable together, or none does; they are applied in
 * order and are about one session (each has a file of its own, and two files cannot commit together).
 */
export type StoreOp =
	/** Creates or replaces the session's own record; its turns stay. Takes an earlier tombstone of the id away. */
	| { op: "put_session"; meta: SessionMeta }
	/** Needs the session (put it first in the same commit, or earlier) and a turn id that isn't there yet. */
	| {
			op: "append_turn";
			session: SessionId;
			header: TurnHeader;
			parts: ReadonlyMap<PartName, readonly Uint8Array[]>;
			/**
			 * Parts that are likely to begin as a part of another turn does. Only what stands after their longest common
			 * prefix, found by comparing every byte, takes up room; reads give the whole. A base that is not stored is none.
			 */
			bases?: ReadonlyMap<PartName, PartBase>;
	  }
	/** Replaces the header of a turn that is there; its parts stay. */
	| { op: "put_header"; session: SessionId; header: TurnHeader }
	/**
	 * Gives one part of a turn up: from then on reading it is `TurnGone`, its length stays known. Bytes that later turns
	 * begin with stay stored for them.
	 */
	| { op: "drop_part"; session: SessionId; turn: TurnId; part: PartName }
	/** Removes a turn that is there, with all its parts; refused while another turn's part begins with one of them. */
	| { op: "drop_turn"; session: SessionId; turn: TurnId }
	/** Needs the session, and no obligation for the same resource, not even an ended session's. */
	| { op: "put_obligation"; session: SessionId; resource: string; handleJson: string }
	/** Removes the obligation, if it is there; the session need not be. */
	| { op: "settle_obligation"; session: SessionId; resource: string }
	/**
	 * Removes the session and all its turns, if it is there, and leaves the tombstone as the newest. Obligations that were
	 * stored before this commit stay, marked `ended`; those that it put itself go, since nothing was made for them yet.
	 */
	| { op: "bury"; tombstone: Tombstone };

/**
 * Sessions that are read only. Two reads are two moments: whoever writes them may commit between. What `part`
 * returns belongs to the caller; the pieces of `streamPart` are read-only.
 */
export interface ReadableStore {
	/**
	 * Every live session, in no order; used at start for deadlines. A damaged one has its times, as far as they can be read
	 * (else it never ends by itself), and nothing else.
	 */
	sessions(): AsyncIterable<SessionMeta>;
	session(id: SessionId): Promise<SessionMeta | undefined>;
	/** Headers of all turns of a session in id order; empty when it has none. */
	headers(id: SessionId): Promise<TurnHeader[]>;
	/**
	 * One part whole; an empty buffer when the turn has no such part. What is read was checked: bytes that are not those
	 * that were written are `store_damaged`, and so is everything else of that session from then on, but for its burial.
	 * @throws TurnGone when the turn is not stored, or the part was dropped: what is read must never look like an empty
	 * part of it
	 */
	part(id: SessionId, turn: TurnId, part: PartName): Promise<Buffer>;
	/**
	 * One part piece by piece, for payloads too large to hold. Pieces are valid until the next one is asked for.
	 * @param buffers to read into, in turn, where that saves memory: then a piece is valid until its buffer's turn comes
	 * again
	 * @throws TurnGone as `part`, also between two pieces
	 */
	streamPart(id: SessionId, turn: TurnId, part: PartName, buffers?: readonly Buffer[]): AsyncIterable<Buffer>;
	/**
	 * The part for reading into the caller's own memory, to be compared: its bytes are not checked.
	 * @throws TurnGone as `part`
	 */
	openPart(id: SessionId, turn: TurnId, part: PartName): PartCursor;
	/** Byte length of a part, also of one that was dropped. @throws TurnGone when the turn is not stored */
	partLength(id: SessionId, turn: TurnId, part: PartName): Promise<number>;
	/** The tombstone of an id, unless it fell out of the most recent `--tombstones`. */
	tombstone(id: SessionId): Promise<Tombstone | undefined>;
	/** Bytes of the medium in use. */
	sizeBytes(): Promise<number>;
	/** The session is not used for now: what the store holds of it in memory, and can read again, may go. */
	cool(id: SessionId): void;
	close(): Promise<void>;
}

/**
 * Durable sessions of one worker. Reads see every commit that resolved before them. Commits of one session take
 * effect in the order in which `commit` was called.
 *
 * Ownership of bytes: the buffers handed to `append_turn` belong to the store from the call of `commit` on (it
 * writes them through, or keeps them, without a copy): the caller must not change them. Metas, headers and tombstones are
 * copied.
 *
 * @throws RollpinError `store_full` (507) when the medium is full: nothing of that commit is kept, reads go on,
 * and later commits succeed once there is space; `session_state_conflict` when an op doesn't fit what is stored:
 * nothing of that commit is kept; `internal` when a commit names two sessions
 */
export interface Store extends ReadableStore {
	/** Whether given buffers are its own for good. Else they are the caller's again when their commit has resolved. */
	readonly keepsGiven: boolean;
	/** Every obligation, in no order; used at start. */
	obligations(): AsyncIterable<Obligation>;
	/** Those of one session, live or not. */
	obligationsOf(id: SessionId): Promise<Obligation[]>;
	commit(ops: readonly StoreOp[]): Promise<void>;
	/** Sessions that are refused because what is stored of them is damaged, as far as they were looked at. */
	damagedSessions(): number;
}
