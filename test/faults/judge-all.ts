// Reads every session of a run back and holds it against what its agent was told.
import { PayloadMaker } from "../../src/sim/engine/replay-payload.js";
import { compileSimTunables } from "../../src/sim/engine/tunables.js";
import type { FaultSession } from "./agent.js";
import { judge, type PayloadOf } from "./ledger.js";

export interface Wrong {
	lost: number;
	doubled: number;
}

/** One more turn on every session that lives (it must continue exactly), then its records; deleted ones stay deleted. */
export async function judgeAll(
	sessions: readonly FaultSession[],
	findings: string[],
	payloadOf: PayloadOf,
): Promise<Wrong> {
	const sum = { lost: 0, doubled: 0 };
	const queue = [...sessions];
	const take = async (): Promise<void> => {
		for (let session = queue.pop(); session !== undefined; session = queue.pop()) {
			if (!session.ledger.deleted) await session.turn(4);
			const { lost, doubled } = await judgeSession(session, findings, payloadOf);
			sum.lost += lost;
			sum.doubled += doubled;
		}
	};
	await Promise.all(Array.from({ length: 8 }, take));
	return sum;
}

/** An idle session's records, or that it is gone. */
export async function judgeSession(
	session: FaultSession,
	findings: string[],
	payloadOf: PayloadOf,
): Promise<Wrong> {
	const { ledger } = session;
	const read = await session.read();
	const none = { lost: 0, doubled: 0 };
	const all = { lost: ledger.acks.length, doubled: 0 };
	if (read === null) return all;
	if (ledger.deleted) {
		if (read.status !== 404) findings.push(`${ledger.id}: was deleted, is answered ${read.status}`);
		return none;
	}
	if (read.status !== 200) {
		findings.push(`${ledger.id}: is answered ${read.status}`);
		return all;
	}
	const verdict = judge(ledger, read.json, payloadOf);
	findings.push(...verdict.problems);
	return verdict;
}

/** As the simulated engine with this seed makes them. */
export function payloadsOf(seed: number): (ids: Int32Array) => string {
	const { r3Layers, r3TopK, r3Experts } = compileSimTunables({ seed });
	const maker = new PayloadMaker(seed, { layers: r3Layers, topK: r3TopK, bound: r3Experts });
	return (ids) => Buffer.concat([...maker.make(ids, 0).chunks()]).toString("latin1");
}
