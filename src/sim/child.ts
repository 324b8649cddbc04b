// The simulated engine as a child of the cluster: started when no real engine was given. Keeps its port over respawns.
import { exitCodeOf } from "../base/exit-codes.js";
import type { ClusterConfig } from "../config/cluster-config.js";
import { connectToPrimary } from "../ipc/child-channel.js";
import { type SimEngine, startSimEngine } from "./server.js";

let engine: SimEngine | undefined;
process.title = "rollpin sim";

const primary = connectToPrimary("sim");

primary.on("start_sim", ({ config }) => {
	start(config).catch((error: unknown) => {
		const text = error instanceof Error ? error.message : String(error);
		void primary.fail(`the simulated engine: ${text}`, exitCodeOf(error));
	});
});

primary.on("drain", async () => {
	await engine?.close();
	await primary.send({ type: "drained" });
	process.exit(0);
});

/** A successor gets the URL that the workers know already as `upstream`, and must answer there. */
async function start(config: ClusterConfig): Promise<void> {
	const port = config.upstream === null ? 0 : Number(new URL(config.upstream).port);
	engine = await startSimEngine({ checkpointDir: config.checkpointDir, port });
	await primary.send({ type: "ready", url: engine.url, controlUrl: engine.controlUrl });
}
