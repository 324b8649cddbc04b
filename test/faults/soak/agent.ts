// One agent of the soak: plays sessions, reads each back when it is through, and deletes most of them, so that the data dir stays small.
import { type AgentWorld, FaultSession, mintSession } from "../agent.js";
import { judgeSession, type Wrong } from "../judge-all.js";
import type { PayloadOf } from "../ledger.js";
import type { Chance } from "../random.js";
import { pause } from "./world.js";

export interface SoakAgentOptions {
	world: AgentWorld;
	chance: Chance;
	agent: number;
	stopped: () => boolean;
	playing: Set<FaultSession>;
	payloadOf: PayloadOf;
	findings: string[];
	/** A new session may be placed on that worker. */
	mayHaveSession: (worker: number, askedMs: number) => boolean;
}

export interface SoakAgentReport extends Wrong {
	/** To be read back at the end: those that live. */
	kept: FaultSession[];
	deletedIds: string[];
	sessions: number;
}

/** One session in so many stays until the end. */
const KEPT_ONE_IN = 8;

export async function runSoakAgent(options: SoakAgentOptions): Promise<SoakAgentReport> {
	const { agent, chance, findings, mayHaveSession, payloadOf, playing, stopped, world } = options;
	const report: SoakAgentReport = { kept: [], deletedIds: [], sessions: 0, lost: 0, doubled: 0 };
	while (!stopped()) {
		const number = agent * 100_000 + report.sessions;
		report.sessions++;
		let id = `soak-${number}-${chance.integer(0, 2 ** 31)}`;
		if (chance.next() < 0.5) {
			const askedMs = performance.now();
			const minted = await mintSession(world);
			if (minted === null) continue;
			if (!mayHaveSession(minted.worker, askedMs))
				findings.push(`${minted.id} was made on the drained worker ${minted.worker}`);
			id = minted.id;
		}
		const session = new FaultSession(world, id, number);
		playing.add(session);
		const turns = chance.integer(3, 12);
		let good = true;
		for (let turn = 0; turn < turns && good && !(stopped() && turn > 0); turn += 1) {
			good = await session.turn(chance.integer(4, 48));
			await pause(chance.integer(0, 60));
		}
		playing.delete(session);
		if (session.deleting) {
			report.deletedIds.push(id);
			continue;
		}
		if (good && chance.integer(1, KEPT_ONE_IN) > 1) {
			const { doubled, lost } = await judgeSession(session, findings, payloadOf);
			report.lost += lost;
			report.doubled += doubled;
			if (await session.delete()) report.deletedIds.push(id);
		} else report.kept.push(session);
	}
	return report;
}
