// Options of the help section Security: who may talk to the cluster.
import { checkAllowedHost } from "../option-checks.js";
import { list, onOff, path } from "../option-types.js";

const SECURITY = "Security";

export const SECURITY_OPTIONS = {
	authTokenFile: path({
		group: SECURITY,
		reloadable: true,
		description: "file with the bearer token that every request must carry",
		placeholder: "file",
		fallback: null,
		defaultText: "no token",
	}),
	allowedHosts: list({
		group: SECURITY,
		description:
			"without a token: more names that a request's Host may have; .name for all below one, * for any. Allowed anyway: addresses, --host, the machine's name, names without a dot, Kubernetes services",
		placeholder: "names",
		rule: "a comma-separated list of host names, of names with a leading dot, or *",
		check: checkAllowedHost,
		fallback: [],
	}),
	insecure: onOff({
		group: SECURITY,
		description: "allow a --host that is not loopback without a token",
		fallback: false,
	}),
};
