// Options of the help section Security: who may talk to the cluster.
import { onOff, path } from "../option-types.js";

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
	insecure: onOff({
		group: SECURITY,
		description: "allow a --host that is not loopback without a token",
		fallback: false,
	}),
};
