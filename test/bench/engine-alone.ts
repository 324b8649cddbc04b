// Role: the simulated engine at its fastest, over the toy checkpoint unless told.
import { startSimEngine } from "../../src/sim/server.js";
import { TOY_CHECKPOINT } from "../support/worker-rig.js";
import { ready } from "./processes.js";

export interface EngineAlone {
	url: string;
}

const [r3BytesPerToken, replyTokens, port, checkpoint] = process.argv.slice(2);
const engine = await startSimEngine({
	checkpointDir: checkpoint ?? TOY_CHECKPOINT,
	port: Number(port ?? 0),
	r3BytesPerToken: Number(r3BytesPerToken ?? 0),
	...(replyTokens === undefined
		? {}
		: { replyTokensMin: Number(replyTokens), replyTokensMax: Number(replyTokens) }),
	requestLogEntries: 1,
});
const message: EngineAlone = { url: engine.url };
ready(message, () => engine.close());
