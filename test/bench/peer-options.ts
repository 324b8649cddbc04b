// The command line of bench:peer. Prints its help or what is wrong with it, and ends the process then.
import { parseArgs } from "node:util";

export interface PeerOptions {
	/** Empty: all. */
	shapes: string[];
	rounds: number;
	engineKind: "canned" | "simulated";
	enginePort: number;
	checkpointDir: string | null;
	/** Directory of another built rollpin, measured beside this one. */
	before: string | null;
	peer: { url: string; pid: number } | null;
	naive: boolean;
	serveArgs: string[];
}

const HELP = `npm run bench:peer -- [options]

Runs each shape against: ours (rollpin serve of this build: router and one worker, default settings, a data dir of its own), a peer if
there is one, a plain relay over undici (for create a bare server that writes one record), and the naive server. In turn, the same warm-up for all; figures are medians over the rounds,
ratios medians of each round's own ratio.

A peer is any running session server with this wire (POST /sessions, chats below /sessions/ID, GET, DELETE). It is told of by
  PEER_URL=http://127.0.0.1:31002 PEER_PID=1234 npm run bench:peer
and must have been started with the engine http://127.0.0.1:<engine port>, the same checkpoint, and replay payloads asked for where
that is a flag of its own. Nothing listens on the engine's port until the bench runs.

  --shape NAME        chat | r3 | long | text | create | read | workers; more than once: several (default: all; text only with --checkpoint)
  --rounds N          (default 3)
  --engine-port PORT  of the engine that all subjects use (default 31001)
  --engine KIND       canned: replies of the simulated engine made once, so that the engine costs little; simulated: that itself (default canned)
  --checkpoint DIR    (default: the toy checkpoint)
  --before DIR        another built rollpin, measured beside this one
  --serve "ARGS"      further arguments of rollpin serve, for this build and the other
  --no-naive          leave the naive server out (it runs in the first round only)
`;

export function peerOptions(args: readonly string[], env: NodeJS.ProcessEnv): PeerOptions {
	const { values } = parsed(args);
	if (values.help === true) {
		process.stdout.write(HELP);
		process.exit(0);
	}
	const url = env["PEER_URL"];
	const pid = Number(env["PEER_PID"]);
	if (url !== undefined && !(pid > 0)) refuse("PEER_URL needs PEER_PID, the process id of the peer");
	const engineKind = values.engine ?? "canned";
	if (engineKind !== "canned" && engineKind !== "simulated") refuse("--engine takes canned or simulated");
	return {
		shapes: values.shape ?? [],
		rounds: number("rounds", values.rounds ?? "3"),
		engineKind,
		enginePort: number("engine-port", values["engine-port"] ?? "31001"),
		checkpointDir: values.checkpoint ?? null,
		before: values.before ?? null,
		peer: url === undefined ? null : { url, pid },
		naive: values["no-naive"] !== true,
		serveArgs: values.serve?.split(/\s+/).filter((word) => word !== "") ?? [],
	};
}

function parsed(args: readonly string[]) {
	try {
		return parseArgs({
			args: [...args],
			options: {
				shape: { type: "string", multiple: true },
				rounds: { type: "string" },
				"engine-port": { type: "string" },
				engine: { type: "string" },
				checkpoint: { type: "string" },
				before: { type: "string" },
				serve: { type: "string" },
				"no-naive": { type: "boolean" },
				help: { type: "boolean", short: "h" },
			},
		});
	} catch (error) {
		return refuse((error as Error).message);
	}
}

function number(name: string, text: string): number {
	const value = Number(text);
	if (!Number.isInteger(value) || value < 1) refuse(`--${name} takes a whole number from 1 on`);
	return value;
}

function refuse(message: string): never {
	process.stderr.write(`${message}\n${HELP}`);
	process.exit(2);
}
