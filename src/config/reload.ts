// A reload as a process takes it over: the reloadable part of a new configuration, put into the one that everybody reads. Pure otherwise.
import type { ClusterConfig, ReloadableConfig } from "./cluster-config.js";

export function reloadablePart(config: ReloadableConfig): ReloadableConfig {
	const { authToken, upstream, messageMatcher, sessionTtlS, maxSessionTtlS, sessionIdleTtlS, limits, log } =
		config;
	return {
		authToken,
		upstream,
		messageMatcher,
		sessionTtlS,
		maxSessionTtlS,
		sessionIdleTtlS,
		limits: { ...limits },
		log: { level: log.level },
	};
}

/**
 * Changes `config` itself and its `limits`: one object stands for the settings in a process, and whoever needs one of these reads
 * it there when it needs it.
 */
export function takeOver(config: ClusterConfig, next: ReloadableConfig): void {
	const { limits, log, ...values } = reloadablePart(next);
	Object.assign(config, values);
	Object.assign(config.limits, limits);
	config.log.level = log.level;
}
