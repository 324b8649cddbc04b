// Everything one simulated engine holds while it runs, made once. Owns no socket and no timer.
import type { Model } from "./composition.js";
import { Counters } from "./counters.js";
import { releaseOf } from "./engine-release.js";
import { Gates } from "./gates.js";
import { createLanguageModel } from "./language-model.js";
import { type Misbehaviour, misbehaviourNames, misbehavioursOf } from "./misbehaviour.js";
import type { SimTunables } from "./options.js";
import { PrefixCache } from "./prefix-cache.js";
import { createPromptRenderer, type PromptRenderer } from "./prompt.js";
import { PayloadMaker, shapeOfBytes } from "./replay-payload.js";
import { RequestLog } from "./request-log.js";
import { Scheduler } from "./scheduler.js";
import { Script } from "./script.js";
import { compileSimTunables } from "./tunables.js";
import { loadVocabulary } from "./vocabulary.js";

export interface SimState {
	readonly tunables: SimTunables;
	readonly model: Model;
	readonly renderPrompt: PromptRenderer;
	readonly counters: Counters;
	readonly scheduler: Scheduler;
	readonly gates: Gates;
	readonly script: Script;
	readonly log: RequestLog;
	readonly cache: PrefixCache;
	/** Of the second engine behind a gateway that splits sessions. */
	readonly otherCache: PrefixCache;
	readonly routedExperts: PayloadMaker;
	readonly indexer: PayloadMaker;
	/** Changed by /update_weight_version. */
	weightVersion: string;
	/** Changed by the control plane; a reset brings back those of the start. */
	misbehaviours: ReadonlySet<Misbehaviour>;
	readonly ownMisbehaviours: ReadonlySet<Misbehaviour>;
	/** The last generation went to the first of two engines. */
	split: boolean;
}

/** @throws ConfigError on a bad option or an unreadable checkpoint */
export async function createSimState(checkpointDir: string, given: Partial<SimTunables>): Promise<SimState> {
	const tunables = compileSimTunables(given);
	const ownMisbehaviours = misbehavioursOf(misbehaviourNames(tunables.misbehave));
	const vocabulary = await loadVocabulary(checkpointDir, tunables.endOfTurnToken);
	const model: Model = {
		vocabulary,
		language: await createLanguageModel(vocabulary),
		tunables,
		release: releaseOf(tunables.engineVersion),
	};
	const counters = new Counters();
	const shape =
		tunables.r3BytesPerToken > 0
			? shapeOfBytes(tunables.r3BytesPerToken)
			: { layers: tunables.r3Layers, topK: tunables.r3TopK };
	return {
		tunables,
		model,
		renderPrompt: createPromptRenderer(checkpointDir, vocabulary, model.release),
		counters,
		scheduler: new Scheduler(tunables.maxRunning, tunables.maxQueued, counters),
		gates: new Gates(),
		script: new Script(),
		log: new RequestLog(tunables.requestLogEntries, tunables.requestLogBytes),
		cache: new PrefixCache(tunables.prefixCacheTokens),
		otherCache: new PrefixCache(tunables.prefixCacheTokens),
		routedExperts: new PayloadMaker(tunables.seed, { ...shape, bound: tunables.r3Experts }),
		indexer: new PayloadMaker(tunables.seed + 1, {
			layers: tunables.indexerLayers,
			topK: tunables.indexerTopK,
			bound: 2 ** 20,
		}),
		weightVersion: tunables.weightVersion,
		misbehaviours: ownMisbehaviours,
		ownMisbehaviours,
		split: false,
	};
}
