// The client went away: nobody is left to answer, so this is no RollpinError; it only ends up in the log.

/** Logged as status 499, the field's usual number for it; never sent. */
export const CLIENT_GONE_STATUS = 499;

export class ClientGone extends Error {
	constructor() {
		super("the client closed its connection");
		this.name = "ClientGone";
	}
}
