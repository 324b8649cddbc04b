// The NDJSON logger: pino on stdout, one object a line, `pid` and `role` on every record. Owns no policy.
import pino from "pino";
import pretty from "pino-pretty";
import { EVENT_LEVELS, type EventFields, type EventLevel, type EventName } from "./events.js";

export type Role = "primary" | "router" | "worker" | "sim";

export interface Logger {
	/**
	 * Logs one event; `msg` is a short sentence for people.
	 * @param level instead of the event's own, where one event has a harmless form (a planned exit)
	 */
	event<Name extends EventName>(
		event: Name,
		fields: EventFields[Name],
		msg?: string,
		level?: EventLevel,
	): void;
	/** Waits until what was logged has reached the file descriptor. */
	flush(): void;
}

export interface LoggerOptions {
	role: Role;
	worker?: number;
	level: string;
	format: "json" | "pretty";
	/** File descriptor; 1 unless a test says otherwise. */
	fd?: number;
}

/** A logger that writes synchronously, so that a record is out before the process can be killed. */
export function createLogger(options: LoggerOptions): Logger {
	const fd = options.fd ?? 1;
	const destination =
		options.format === "pretty"
			? pretty({
					colorize: process.stdout.isTTY === true && process.env.NO_COLOR === undefined,
					translateTime: "HH:MM:ss.l",
					ignore: "pid,role,worker,event",
					messageFormat: (log, key) => prettyMessage(log, key),
					singleLine: true,
					destination: fd,
					sync: true,
				})
			: pino.destination({ fd, sync: true });
	const logger = pino(
		{
			level: options.level,
			base: {
				pid: process.pid,
				role: options.role,
				...(options.worker === undefined ? {} : { worker: options.worker }),
			},
			timestamp: pino.stdTimeFunctions.isoTime,
			formatters: { level: (label) => ({ level: label }) },
			serializers: { err: pino.stdSerializers.err },
		},
		destination,
	);
	return {
		event(event, fields, msg, level) {
			const record: object = { event, ...fields };
			logger[level ?? EVENT_LEVELS[event]](record, msg ?? event.replaceAll("_", " "));
		},
		flush() {
			if ("flushSync" in destination && typeof destination.flushSync === "function") destination.flushSync();
		},
	};
}

function prettyMessage(log: Record<string, unknown>, key: string): string {
	const who = log.worker === undefined ? String(log.role) : `worker ${String(log.worker)}`;
	return `[${who}] ${String(log.event ?? "")}: ${String(log[key] ?? "")}`;
}
