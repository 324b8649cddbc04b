// Role: the router and nothing else, with one worker's socket for somebody else to listen on.
import { startRouter } from "../support/router-rig.js";
import { ready } from "./processes.js";

export interface RouterAlone {
	port: number;
	socketPath: string;
}

const rig = await startRouter([null]);
const message: RouterAlone = { port: rig.port, socketPath: rig.snapshot.workers[0]?.socketPath ?? "" };
ready(message, () => rig.close());
