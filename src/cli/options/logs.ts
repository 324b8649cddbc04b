// Options of the help section Logs: what is logged, how, and how often a heartbeat is.
import { choice, decimal, onOff, path } from "../option-types.js";

const LOGS = "Logs";

export const LOG_OPTIONS = {
	heartbeatInterval: decimal({
		group: LOGS,
		description: "time between two heartbeat records of each worker",
		unit: "s",
		min: 0.1,
		max: 86_400,
		fallback: 30,
	}),
	logFile: path({
		group: LOGS,
		description: "append the log to this file; SIGHUP opens it anew",
		placeholder: "file",
		fallback: null,
		defaultText: "stdout",
	}),
	logFormat: choice({
		group: LOGS,
		description: "json: one object a line; pretty: for people",
		placeholder: "format",
		choices: ["json", "pretty"],
		fallback: null,
		defaultText: "pretty on a terminal, else json",
	}),
	logLevel: choice({
		group: LOGS,
		reloadable: true,
		description: "least level that is logged",
		placeholder: "level",
		choices: ["trace", "debug", "info", "warn", "error", "fatal"],
		fallback: "info",
	}),
	logContent: onOff({
		group: LOGS,
		description: "log the text of messages too",
		fallback: false,
	}),
};
