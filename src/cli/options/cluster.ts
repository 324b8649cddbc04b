// Options of the help section Cluster: workers, the front address, the end of a launch.
import { checkHost, checkInstanceId } from "../option-checks.js";
import { decimal, integer, text } from "../option-types.js";

const CLUSTER = "Cluster";

export const CLUSTER_OPTIONS = {
	backends: integer({
		group: CLUSTER,
		description: "session-server workers",
		min: 1,
		max: 64,
		fallback: null,
		defaultText: "1 for each 4 usable cores, at least 1, at most 8",
	}),
	host: text({
		group: CLUSTER,
		description: "front address; one that is not loopback needs --auth-token-file",
		placeholder: "address",
		rule: "a host name or an IP address without brackets",
		check: checkHost,
		fallback: "127.0.0.1",
	}),
	port: integer({
		group: CLUSTER,
		description: "front port; 0 takes any free one",
		placeholder: "port",
		min: 0,
		max: 65535,
		fallback: 8080,
	}),
	drainTimeout: decimal({
		group: CLUSTER,
		description: "how long running turns may take to end after SIGTERM or SIGINT",
		unit: "s",
		min: 0,
		max: 86_400,
		fallback: 30,
	}),
	instanceId: text({
		group: CLUSTER,
		description: "name of this launch, shown by /health",
		placeholder: "id",
		rule: "1 to 128 of A-Z a-z 0-9 . _ -",
		check: checkInstanceId,
		fallback: null,
		defaultText: "32 random hex digits",
	}),
};
