// What compiling a configuration starts from: facts of the machine, and every option's effective value. Types only.
import type { LogFormat } from "../config/cluster-config.js";
import type { FamilyChoice } from "../tito/family-choice.js";
import type { OptionValues } from "./options.js";

/** What the machine contributes: facts, and two looks at its files. */
export interface Machine {
	cwd: string;
	/** Processor cores this process may use; not a whole number where a control group limits them. */
	cores: number;
	memoryMib: number;
	stdoutIsTerminal: boolean;
	/** Directory of the checkpoint that ships with the package. */
	toyCheckpointDir: string;
	/** A fresh random name, 32 hex digits. */
	newInstanceId: () => string;
	look: (path: string) => "file" | "directory" | "absent";
	/** Throws when the file cannot be read. */
	readText: (path: string) => string;
	/** Looks at the checkpoint. Throws ConfigError. */
	chooseFamily: (checkpointDir: string) => FamilyChoice;
}

/** Every option's effective value: no default left open, paths absolute. */
export interface SettledValues extends Omit<OptionValues, "titoModel"> {
	backends: number;
	titoModel: string;
	instanceId: string;
	sessionTtl: number;
	maxInflightMib: number;
	maxReplyMib: number;
	logFormat: LogFormat;
}
