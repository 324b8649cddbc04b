// One measured run of a subject in a shape: what it took in time, CPU by process and thread, loop and memory. Knows no shape by name.
import { percentile } from "../../src/demo/report.js";
import { type LoopFigures, worstOf } from "./loop-watch.js";
import type { Subject } from "./subjects.js";
import type { ThreadGroup } from "./threads.js";
import type { ProcessUsed, Watched } from "./watched.js";

/** What is done and counted: turns, or creates. */
export interface Done {
	units: number;
	elapsedS: number;
	/** Of each unit, as its client saw it. */
	unitMs: readonly number[];
	/** Of this shape alone. */
	figures?: Readonly<Record<string, number>>;
}

/** Prepared for one run, so that what it needs is not measured with it. */
export interface Trial {
	run(): Promise<Done>;
	/** Leaves the subject as it was before. */
	clear(): Promise<void>;
}

export interface PeerShape {
	/** What the user names it by. */
	name: string;
	title: string;
	unit: "turn" | "create";
	tokensOut: number;
	/** 0: no replay payloads. */
	r3BytesPerToken: number;
	/** @param run no two runs of a subject have the same number, and all subjects have the same ones */
	prepare(subject: Subject, run: number): Promise<Trial>;
	/** A run of less, again and again before the first round. */
	warmUp(subject: Subject, run: number): Promise<Trial>;
	/** Nothing for a relay, which keeps none. */
	readsSessions?: boolean;
}

export interface Measured {
	done: Done;
	unitsPerS: number;
	p50Ms: number;
	p99Ms: number;
	/** Per unit, of all processes of the subject. */
	cpuMs: number;
	processes: ReadonlyMap<string, ProcessUsed>;
	/** Of its watched processes the worst; null for a process that others started. */
	loop: LoopFigures | null;
	rssMib: number;
	peakRssMib: number;
	engineCpuMs: number;
	agentsCpuMs: number;
}

export async function measureRun(
	shape: PeerShape,
	subject: Subject,
	run: number,
	{ agents, engine }: { engine: Watched; agents: Watched },
): Promise<Measured> {
	const trial = await shape.prepare(subject, run);
	const names = [...subject.processes.keys()];
	const ends = await Promise.all([...subject.processes.values()].map((process) => process.measure()));
	const endEngine = await engine.measure();
	const endAgents = await agents.measure();
	const done = await trial.run();
	const agentsUsed = await endAgents();
	const engineUsed = await endEngine();
	const used = await Promise.all(ends.map((end) => end()));
	await trial.clear();
	const loops = used.flatMap(({ loop }) => (loop === null ? [] : [loop]));
	return {
		done,
		unitsPerS: done.units / done.elapsedS,
		p50Ms: percentile(done.unitMs, 0.5),
		p99Ms: percentile(done.unitMs, 0.99),
		cpuMs: sum(used.map(totalMs)) / done.units,
		processes: new Map(names.map((name, at) => [name, used[at] as ProcessUsed])),
		loop: loops.length === 0 ? null : worstOf(loops),
		rssMib: sum(used.map(({ rssMib }) => rssMib)),
		peakRssMib: sum(used.map(({ peakRssMib }) => peakRssMib)),
		engineCpuMs: totalMs(engineUsed) / done.units,
		agentsCpuMs: totalMs(agentsUsed) / done.units,
	};
}

export function totalMs({ cpuMs }: { cpuMs: Readonly<Record<ThreadGroup, number>> }): number {
	return sum(Object.values(cpuMs));
}

function sum(values: readonly number[]): number {
	return values.reduce((total, value) => total + value, 0);
}
