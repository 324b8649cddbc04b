// What metrics cost a cluster under load: CPU per chat as it is, with a scrape each so often, and of another build that counts nothing, in turn.
import { resolve } from "node:path";
import { packageRoot } from "../../src/base/package-root.js";
import { TOY_CHECKPOINT } from "../support/worker-rig.js";
import { round } from "./output.js";
import { peerShapes } from "./peer-shapes.js";
import { startRole } from "./processes.js";
import { realText } from "./real-text.js";
import { type Subject, startOurs } from "./subjects.js";
import { type Done, measureRun, type PeerShape, type Trial, totalMs } from "./trial.js";
import { Watched } from "./watched.js";

export interface CostOptions {
	rounds: number;
	scrapeMs: number;
	/** Directory of another built rollpin, or null. */
	before: string | null;
}

export interface Cost {
	label: string;
	/** CPU of all its processes per chat, in milliseconds: the median. */
	cpuMs: number;
	/** Median of each round's own ratio to the first one, less 1. */
	more: number;
	/** Half of the rounds' ratios are between these. */
	middleHalf: [number, number];
	scrapes: number;
}

interface Variant {
	label: string;
	subject: Subject;
	scrapeMs: number | null;
	cpuMs: number[];
	scrapes: number;
}

/** One trial of bench:chat takes a second: too short for a scrape each second to have its share. */
const TRIALS = 6;
const WARM_UP_RUNS = 2;
const SCRAPES_ALONE = 300;

export interface MetricsCost {
	/** The first is this build as it is. */
	costs: Cost[];
	/** CPU of all its processes for one scrape, in milliseconds, with no load beside it. */
	scrapeCpuMs: number;
}

export async function metricsCost({ before, rounds, scrapeMs }: CostOptions): Promise<MetricsCost> {
	const chat = peerShapes(realText()).find(({ name }) => name === "chat") as PeerShape;
	const shape = { ...chat, prepare: async (subject: Subject, run: number) => repeated(chat, subject, run) };
	const engine = await startRole<{ url: string }>("canned-engine", [
		"0",
		`${chat.tokensOut}`,
		"0",
		TOY_CHECKPOINT,
	]);
	const options = {
		engineUrl: engine.ready.url,
		checkpointDir: TOY_CHECKPOINT,
		r3: false,
		backends: 1,
		serveArgs: [],
	};
	const ours = await startOurs("as it is", packageRoot(), options);
	const other = before === null ? null : await startOurs("the other build", resolve(before), options);
	const variant = (label: string, subject: Subject, every: number | null): Variant => {
		return { label, subject, scrapeMs: every, cpuMs: [], scrapes: 0 };
	};
	const variants = [
		variant("as it is", ours, null),
		variant(`a scrape each ${scrapeMs} ms`, ours, scrapeMs),
		...(other === null ? [] : [variant("the other build", other, null)]),
	];
	const watched = { engine: new Watched(engine.pid, null), agents: new Watched(process.pid, null) };
	const measure = async ({ scrapeMs: every, subject }: Variant, run: number) => {
		const scraper = every === null ? null : scrape(subject, every);
		const { cpuMs } = await measureRun(shape, subject, run, watched);
		return { cpuMs, scrapes: (await scraper?.stop()) ?? 0 };
	};
	let scrapeCpuMs = 0;
	try {
		for (let run = 0; run < WARM_UP_RUNS; run++) for (const each of variants) await measure(each, run);
		for (let round = 0; round < rounds; round++) {
			// Each goes first as often as the others: what a run leaves behind is the next one's.
			for (let place = 0; place < variants.length; place++) {
				const each = variants[(round + place) % variants.length] as Variant;
				const { cpuMs, scrapes } = await measure(each, WARM_UP_RUNS + round);
				each.cpuMs.push(cpuMs);
				each.scrapes += scrapes;
			}
		}
		scrapeCpuMs = await aloneMs(ours);
	} finally {
		await ours.stop();
		await other?.stop();
		await engine.stop();
	}
	const costs = variants.map(({ cpuMs, label, scrapes }): Cost => {
		const ratios = cpuMs.map((value, index) => value / (variants[0]?.cpuMs[index] as number) - 1);
		return {
			label,
			cpuMs: round(quantile(cpuMs, 0.5), 4),
			more: round(quantile(ratios, 0.5), 4),
			middleHalf: [round(quantile(ratios, 0.25), 4), round(quantile(ratios, 0.75), 4)],
			scrapes,
		};
	});
	return { costs, scrapeCpuMs: round(scrapeCpuMs) };
}

/** Without other work beside it, in which it would be lost. */
async function aloneMs({ processes, url }: Subject): Promise<number> {
	const ends = await Promise.all([...processes.values()].map((process) => process.measure()));
	for (let scraped = 0; scraped < SCRAPES_ALONE; scraped++)
		await (await fetch(`${url}/metrics`)).arrayBuffer();
	const used = await Promise.all(ends.map((end) => end()));
	return used.map(totalMs).reduce((sum, ms) => sum + ms, 0) / SCRAPES_ALONE;
}

function repeated(shape: PeerShape, subject: Subject, run: number): Trial {
	const trials: Trial[] = [];
	return {
		async run() {
			const sum: Done = { units: 0, elapsedS: 0, unitMs: [] };
			for (let number = 0; number < TRIALS; number++) {
				const trial = await shape.prepare(subject, run * TRIALS + number);
				trials.push(trial);
				const { elapsedS, units } = await trial.run();
				sum.units += units;
				sum.elapsedS += elapsedS;
			}
			return sum;
		},
		async clear() {
			for (const trial of trials) await trial.clear();
		},
	};
}

function scrape({ url }: Subject, everyMs: number): { stop(): Promise<number> } {
	let count = 0;
	let stopped = false;
	const loop = (async () => {
		while (!stopped) {
			await (await fetch(`${url}/metrics`)).arrayBuffer();
			count++;
			await new Promise((resolve) => setTimeout(resolve, everyMs));
		}
	})();
	return {
		async stop() {
			stopped = true;
			await loop;
			return count;
		},
	};
}

/** Between its neighbours where it falls between two. */
function quantile(values: readonly number[], fraction: number): number {
	const sorted = [...values].sort((a, b) => a - b);
	const at = fraction * (sorted.length - 1);
	const [low, high] = [sorted[Math.floor(at)] as number, sorted[Math.ceil(at)] as number];
	return low + (high - low) * (at - Math.floor(at));
}
