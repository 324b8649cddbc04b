// The soak's simulated engine, a process of its own on fixed ports: it can be killed, and comes back as it was.

import { SimControl } from "../../../src/sim/control/control-client.js";
import type { ScriptedAnswer } from "../../../src/sim/engine/script.js";
import { RunningRollpin } from "../../support/run-rollpin.js";
import { until } from "../../support/wait.js";
import { freePort } from "../kept-cluster.js";

const MANY = 1_000_000;
const COMES_BACK_MS = 30_000;

export interface SoakEngineOptions {
	seed: number;
	checkpointDir: string;
}

export class SoakEngine {
	readonly url: string;
	readonly control: SimControl;
	readonly #args: readonly string[];
	#process: RunningRollpin;

	private constructor(options: SoakEngineOptions, port: number, controlPort: number) {
		this.url = `http://127.0.0.1:${port}`;
		this.control = new SimControl(`http://127.0.0.1:${controlPort}`);
		this.#args = [
			"sim",
			...["--port", `${port}`, "--control-port", `${controlPort}`, "--checkpoint", options.checkpointDir],
			...["--seed", `${options.seed}`, "--latency-ms", "5", "--decode-tokens-per-second", "300"],
			...["--request-log-entries", "0"],
		];
		this.#process = new RunningRollpin(this.#args);
	}

	static async start(options: SoakEngineOptions): Promise<SoakEngine> {
		const engine = new SoakEngine(options, await freePort(), await freePort());
		await engine.#process.logged("sim_engine");
		return engine;
	}

	/** All chats are answered so from now on; waits until it is there to be told. */
	async answer(how: Omit<ScriptedAnswer, "times">): Promise<void> {
		await until("the engine to take a script", COMES_BACK_MS, async () => {
			const told = this.control.script({ ...how, times: MANY });
			return await told.then(
				() => true,
				() => false,
			);
		});
	}

	/** As ever. One that is killed forgets by itself. */
	async answerWell(): Promise<void> {
		await this.control.clearScript().catch(() => undefined);
	}

	async kill(): Promise<void> {
		this.#process.signal("SIGKILL");
		await this.#process.ended();
	}

	async startAgain(): Promise<void> {
		this.#process = new RunningRollpin(this.#args);
		await this.#process.logged("sim_engine");
	}
}
