// The NDJSON logger: one object a line, `pid` and `role` on every record, no key twice. Owns no policy.
import { isatty } from "node:tty";
import pino from "pino";
import { prettyFactory } from "pino-pretty";
import { EVENT_LEVELS, type EventFields, type EventLevel, type EventName } from "./events.js";
import { LogSink } from "./log-sink.js";
import { logTo, openLogFile } from "./log-target.js";

export type Role = "primary" | "router" | "worker" | "sim" | "sandbox";

export interface Logger {
	/**
	 * Logs one event; `msg` is a short sentence for people. Never waits and never throws, whatever the log's reader does.
	 * @param level instead of the event's own, where one event has a harmless form (a planned exit)
	 */
	event<Name extends EventName>(
		event: Name,
		fields: EventFields[Name],
		msg?: string,
		level?: EventLevel,
	): void;
	/** Resolves when what was logged is out, but after a second at the latest. */
	flush(): Promise<void>;
}

/** The log of a whole cluster, as its primary writes it. */
export interface ClusterLogger extends Logger {
	/** @param record of a child, as JSON text without a line feed */
	relay(record: string): void;
	/** Opens `file` anew: whoever rotates logs has renamed it. @throws ErrnoException; then the old one goes on */
	reopen(): void;
	setLevel(level: string): void;
}

export interface LoggerOptions {
	role: Role;
	worker?: number;
	level: string;
	format: "json" | "pretty";
	/** File descriptor; 1 unless a test says otherwise. */
	fd?: number;
	/** Path of a file to append to, instead of the descriptor. */
	file?: string | null;
	/** Records below `warn` may wait so long for others: each write wakes the process that reads them. */
	lingerMs?: number;
}

const FLUSH_MS = 1_000;

/** Of the processes whose log the primary reads: a hundred wakes a second, however many chats there are. */
export const CHILD_LINGER_MS = 10;

const sinks = new Set<LogSink>();
process.once("exit", () => {
	for (const sink of sinks) sink.writeLast();
});

/** Records that this process had to drop, because nobody took them. */
export function logDropped(): number {
	let dropped = 0;
	for (const sink of sinks) dropped += sink.dropped;
	return dropped;
}

/** Plain lines for people on stderr, which may be closed or stuck as well as any log. */
export function createNotes(fd = 2): (text: string) => void {
	const sink = new LogSink(logTo(fd), () => null);
	sinks.add(sink);
	return (text) => sink.write(text, false);
}

/** @throws ErrnoException when `file` can't be opened */
export function createLogger(options: LoggerOptions): ClusterLogger {
	const { file = null, fd = 1, worker } = options;
	const colors = file === null && isatty(fd) && process.env["NO_COLOR"] === undefined;
	const show = options.format === "pretty" ? prettyLine(colors) : (line: string) => line;
	const target = file === null ? logTo(fd) : openLogFile(file);
	let dropped: string | null = null;
	let droppedOnly = false;
	const logger = pino(
		{
			level: options.level,
			// Each record brings its own: pino would not see that a field of the event has the same name.
			base: null,
			timestamp: pino.stdTimeFunctions.isoTime,
			formatters: { level: (label) => ({ level: label }) },
			serializers: { err: pino.stdSerializers.err },
		},
		{
			write(line) {
				if (droppedOnly) dropped = show(line);
				else sink.write(show(line), isMinor(line));
			},
		},
	);
	const who = { pid: process.pid, role: options.role, ...(worker === undefined ? {} : { worker }) };
	const log: ClusterLogger = {
		event(event, fields, msg, level) {
			const record: object = { ...who, event, ...fields };
			logger[level ?? EVENT_LEVELS[event]](record, msg ?? event.replaceAll("_", " "));
		},
		relay: (record) => sink.write(show(`${record}\n`), isMinor(record)),
		reopen() {
			if (file !== null) sink.use(openLogFile(file));
		},
		setLevel(level) {
			logger.level = level;
		},
		flush: () => sink.flush(FLUSH_MS),
	};
	const sink = new LogSink(
		target,
		(records, sinceMs) => {
			dropped = null;
			droppedOnly = true;
			log.event("log_dropped", { records, since_ms: sinceMs }, droppedText(records));
			droppedOnly = false;
			return dropped;
		},
		{ lingerMs: options.lingerMs ?? 0 },
	);
	sinks.add(sink);
	return log;
}

function droppedText(records: number): string {
	return `${records} records are missing here: nobody took the log, and 8 MiB of it were waiting`;
}

/** Every record begins with its level. */
function isMinor(line: string): boolean {
	return /^\{"level":"(?:trace|debug|info)"/.test(line);
}

function prettyLine(colorize: boolean): (line: string) => string {
	return prettyFactory({
		colorize,
		translateTime: "HH:MM:ss.l",
		ignore: "pid,role,worker,event",
		messageFormat: (log, key) => prettyMessage(log, key),
		singleLine: true,
	});
}

function prettyMessage(log: Record<string, unknown>, key: string): string {
	const who = log["worker"] === undefined ? String(log["role"]) : `worker ${String(log["worker"])}`;
	return `[${who}] ${String(log["event"] ?? "")}: ${String(log[key] ?? "")}`;
}
