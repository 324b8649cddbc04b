// What scraping costs a cluster under load: CPU per chat with a scrape each so often and without, in turn on one cluster.
import { packageRoot } from "../../src/base/package-root.js";
import { TOY_CHECKPOINT } from "../support/worker-rig.js";
import { round } from "./output.js";
import { peerShapes } from "./peer-shapes.js";
import { startRole } from "./processes.js";
import { realText } from "./real-text.js";
import { type Subject, startOurs } from "./subjects.js";
import { measureRun, type PeerShape } from "./trial.js";
import { Watched } from "./watched.js";

const WARM_UP_RUNS = 3;

export interface ScrapeCost {
	/** CPU of router and worker per chat, medians. */
	quietCpuMs: number;
	scrapedCpuMs: number;
	/** Median of each round's own ratio, less 1. */
	more: number;
	scrapes: number;
}

export async function scrapeCost(rounds: number, everyMs: number): Promise<ScrapeCost> {
	const shape = peerShapes(realText()).find(({ name }) => name === "chat") as PeerShape;
	const engine = await startRole<{ url: string }>("canned-engine", [
		"0",
		`${shape.tokensOut}`,
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
	const subject = await startOurs("ours", packageRoot(), options);
	const others = { engine: new Watched(engine.pid, null), agents: new Watched(process.pid, null) };
	const cpuMs = async (run: number) => (await measureRun(shape, subject, run, others)).cpuMs;
	const quiet: number[] = [];
	const scraped: number[] = [];
	let scrapes = 0;
	try {
		for (let run = 0; run < WARM_UP_RUNS; run++) await cpuMs(run);
		for (let pair = 0; pair < rounds; pair++) {
			const run = WARM_UP_RUNS + 2 * pair;
			const withScrapes = async (number: number) => {
				const scraper = scrape(subject, everyMs);
				scraped.push(await cpuMs(number));
				scrapes += await scraper.stop();
			};
			// Each goes first as often: what a run leaves behind is the next one's.
			if (pair % 2 === 0) quiet.push(await cpuMs(run));
			await withScrapes(run + 1);
			if (pair % 2 === 1) quiet.push(await cpuMs(run));
		}
	} finally {
		await subject.stop();
		await engine.stop();
	}
	const ratios = scraped.map((value, index) => value / (quiet[index] as number));
	return {
		quietCpuMs: round(middle(quiet), 4),
		scrapedCpuMs: round(middle(scraped), 4),
		more: round(middle(ratios) - 1, 4),
		scrapes,
	};
}

function scrape({ url }: Subject, everyMs: number): { stop(): Promise<number> } {
	let count = 0;
	let stopped = false;
	const loop = (async () => {
		while (!stopped) {
			const reply = await fetch(`${url}/metrics`);
			await reply.arrayBuffer();
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

function middle(values: readonly number[]): number {
	const sorted = [...values].sort((a, b) => a - b);
	const half = sorted.length / 2;
	return ((sorted[Math.ceil(half) - 1] as number) + (sorted[Math.floor(half)] as number)) / 2;
}
