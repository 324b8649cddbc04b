// One reload of the settings: the log's file, the files of settings, and the records about it. Changes nothing unless all can be changed.
import type { ReloadableConfig } from "../config/cluster-config.js";
import type { ClusterLogger } from "../telemetry/logger.js";

export interface ReadSettings {
	config: ReloadableConfig;
	/** Names of settings that are other than those in force. */
	changed: readonly string[];
	/** Names of settings that are new and can't be changed while the cluster runs. */
	needsRestart: readonly string[];
	/** They are in force now. */
	accept(): void;
}

/** @throws Error with one line for the operator: what is in force stays so */
export type ReadSettingsAgain = () => ReadSettings;

/**
 * @param apply puts them into force
 * @returns false when it was refused
 */
export function reloadSettings(
	log: ClusterLogger,
	read: ReadSettingsAgain,
	apply: (config: ReloadableConfig) => void,
): boolean {
	let next: ReadSettings;
	try {
		// First: whoever has rotated the log waits for this, whatever is wrong with the settings.
		log.reopen();
		next = read();
	} catch (error) {
		const reason = error instanceof Error ? error.message : String(error);
		log.event("reload_refused", { reason }, `nothing was reloaded, the settings are as they were: ${reason}`);
		return false;
	}
	const { changed, config, needsRestart } = next;
	apply(config);
	next.accept();
	log.setLevel(config.log.level);
	const what = changed.length === 0 ? "no setting has changed" : `changed: ${changed.join(", ")}`;
	log.event("reloaded", { changed: [...changed] }, `the settings were read again; ${what}`);
	if (needsRestart.length > 0) {
		log.event(
			"restart_needed",
			{ settings: [...needsRestart] },
			`these settings have changed and come into force with the next start only: ${needsRestart.join(", ")}`,
		);
	}
	return true;
}
