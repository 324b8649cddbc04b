// `npm run bench:peer`: this cluster beside any running session server that speaks its wire, a plain relay and the naive server.
import { resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { packageRoot } from "../../src/base/package-root.js";
import { TOY_CHECKPOINT } from "../support/worker-rig.js";
import { printJson } from "./output.js";
import { type PeerOptions, peerOptions } from "./peer-options.js";
import { report } from "./peer-report.js";
import { peerShapes, R3_COUNTS } from "./peer-shapes.js";
import { startRole } from "./processes.js";
import type { FloorFigures, FloorShape } from "./r3-floor.js";
import { realText } from "./real-text.js";
import {
	peerSubject,
	type Subject,
	type SubjectOptions,
	startCreateFloor,
	startNaive,
	startOurs,
	startRelay,
} from "./subjects.js";
import { type Measured, measureRun, type PeerShape } from "./trial.js";
import { Watched } from "./watched.js";

const WARM_UP_MS = 10_000;
const ENGINES = { canned: "canned-engine", simulated: "engine-alone" } as const;

const options = peerOptions(process.argv.slice(2), process.env);
const shapes = peerShapes(realText()).filter(({ name }) =>
	options.shapes.length > 0
		? options.shapes.includes(name)
		: name !== "text" || options.checkpointDir !== null,
);
const results: Record<string, object> = {};
for (const shape of shapes) results[shape.name] = await measureShape(shape, options);
printJson("peer", { rounds: options.rounds, engine: options.engineKind, shapes: results });

async function measureShape(
	shape: PeerShape,
	{ engineKind, enginePort, rounds, ...rest }: PeerOptions,
): Promise<object> {
	const checkpointDir = rest.checkpointDir ?? TOY_CHECKPOINT;
	const args = [shape.r3BytesPerToken, shape.tokensOut, enginePort, checkpointDir].map(String);
	const engine = await startRole<{ url: string }>(ENGINES[engineKind], args);
	const subjects = await startSubjects(shape, rest, {
		engineUrl: engine.ready.url,
		checkpointDir,
		r3: shape.r3BytesPerToken > 0,
		backends: 1,
		serveArgs: rest.serveArgs,
	});
	let floor: FloorFigures | null = null;
	const runs = new Map<string, Measured[]>(subjects.map(({ label }) => [label, []]));
	try {
		const others = { engine: new Watched(engine.pid, null), agents: new Watched(process.pid, null) };
		for (let round = 0; round < rounds; round++) {
			for (const subject of subjects) {
				// A baseline for orientation, and the slowest.
				if (subject.label === "naive server" && round > 0) continue;
				say(`${shape.name}, round ${round + 1} of ${rounds}: ${subject.label}`);
				await warmUp(shape, subject, (round + 1) * 100);
				runs.get(subject.label)?.push(await measureRun(shape, subject, round, others));
			}
		}
		if (shape.r3BytesPerToken > 0) floor = await measureFloor(engine.ready.url, shape);
	} finally {
		for (const subject of subjects) await subject.stop();
		await engine.stop();
	}
	return report(shape, runs, floor);
}

function say(what: string): void {
	process.stderr.write(`${(performance.now() / 1000).toFixed(0).padStart(4)} s  ${what}\n`);
}

async function startSubjects(
	shape: PeerShape,
	{ before, naive, peer }: Pick<PeerOptions, "before" | "naive" | "peer">,
	common: SubjectOptions,
): Promise<Subject[]> {
	const two = { ...common, backends: 2 };
	const subjects: Subject[] = [await startOurs("ours", packageRoot(), common)];
	if (shape.name === "workers") subjects.push(await startOurs("ours, 2 workers", packageRoot(), two));
	if (before !== null) {
		subjects.push(await startOurs("before", resolve(before), common));
		if (shape.name === "workers") subjects.push(await startOurs("before, 2 workers", resolve(before), two));
	}
	if (peer !== null) subjects.push(peerSubject(peer.url, peer.pid));
	if (shape.name === "workers") return subjects;
	if (shape.name === "create") subjects.push(await startCreateFloor());
	else if (shape.readsSessions !== true) subjects.push(await startRelay(common));
	if (naive) subjects.push(await startNaive(common));
	return subjects;
}

/**
 * A job runs for hours without a pause: what it pays for is compiled code, and a V8 that was idle while others were measured has
 * thrown some of it away. So before each measured run; as long for each subject, and at least once.
 */
async function warmUp(shape: PeerShape, subject: Subject, firstRun: number): Promise<void> {
	const endMs = performance.now() + WARM_UP_MS;
	let run = firstRun;
	do {
		const trial = await shape.warmUp(subject, run++);
		await trial.run();
		await trial.clear();
	} while (performance.now() < endMs);
	// What it left to do in the background is not the next subject's.
	await sleep(200);
}

async function measureFloor(engineUrl: string, shape: PeerShape): Promise<FloorFigures> {
	const floor = await startRole<object>("r3-floor", [engineUrl]);
	const figures = floor.next<FloorFigures>();
	const asked: FloorShape = {
		...R3_COUNTS,
		tokensOut: shape.tokensOut,
		bytesPerToken: shape.r3BytesPerToken,
	};
	floor.send(asked);
	try {
		return await figures;
	} finally {
		await floor.stop();
	}
}
