// What a person reads when the cluster is up: where it listens and three lines to try. Text only.

export interface Welcome {
	url: string;
	backends: number;
	/** The engine is the simulated one. */
	simulated: boolean;
	/** Path of the token file clients must quote from, or null. */
	authTokenFile: string | null;
}

export function welcomeText(welcome: Welcome): string {
	const auth =
		welcome.authTokenFile === null ? "" : ` -H "authorization: Bearer $(cat ${welcome.authTokenFile})"`;
	const body = `'{"messages":[{"role":"user","content":"Hello"}]}'`;
	const workers = `${welcome.backends} worker${welcome.backends === 1 ? "" : "s"}`;
	const engine = welcome.simulated
		? "\n  The engine is SIMULATED and its tokens are noise: give --upstream and --checkpoint for a real one.\n"
		: "";
	return `
  Rollpin listens on ${welcome.url} (${workers}).
${engine}
  Try it from another terminal: create a session, chat, read it back.

    id=$(curl -s${auth} -X POST ${welcome.url}/sessions | grep -oE '[0-9a-f]{32}' | head -1)
    curl -s${auth} ${welcome.url}/sessions/$id/v1/chat/completions -H 'content-type: application/json' -d ${body}
    curl -s${auth} ${welcome.url}/sessions/$id

  Agents use ${welcome.url}/sessions/$id/v1 as their OpenAI base URL. Ctrl-C ends it.

`;
}
