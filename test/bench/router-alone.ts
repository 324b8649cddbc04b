// Role: the router and nothing else, with one worker's socket for somebody else to listen on.
import { startRouter } from "../support/router-rig.js";
import { ready } from "./processes.js";

export interface RouterAlone {
	port: number;
	socketPath: string;
}

const rig = await startRouter([null]);
const address = rig.snapshot.workers[0]?.address;
const message: RouterAlone = { port: rig.port, socketPath: address?.kind === "socket" ? address.path : "" };
ready(message, () => rig.close());
