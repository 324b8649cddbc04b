// `rollpin verify`: one checked session against a running cluster, its report on stdout. Exit code 1 when a check fails.

import { clientSurroundings } from "./machine.js";
import type { RawFlags } from "./settings.js";
import { readVerifyFlags } from "./verify-options.js";

/** Resolves with the exit code. Throws ConfigError for a bad flag or when no cluster answers. */
export async function verify(flags: RawFlags): Promise<number> {
	const options = readVerifyFlags(flags, clientSurroundings());
	const { verifyCluster } = await import("../demo/verify-cluster.js");
	const { report, sound } = await verifyCluster(options);
	process.stdout.write(`${report}\n`);
	return sound ? 0 : 1;
}
