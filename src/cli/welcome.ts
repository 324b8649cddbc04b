// What a person reads when the cluster is up: where it listens and three lines to try. Text only.

export interface WelcomeFacts {
	url: string;
	backends: number;
	/** The engine is the simulated one. */
	simulated: boolean;
	/** Path of the token file clients must quote from, or null. */
	authTokenFile: string | null;
}

export function welcomeText(facts: WelcomeFacts): string {
	const auth =
		facts.authTokenFile === null ? "" : ` -H "authorization: Bearer $(cat ${facts.authTokenFile})"`;
	const body = `'{"messages":[{"role":"user","content":"Hello"}]}'`;
	const workers = `${facts.backends} worker${facts.backends === 1 ? "" : "s"}`;
	const engine = facts.simulated
		? "\n  The engine is SIMULATED and its tokens are noise: give --upstream and --checkpoint for a real one.\n"
		: "";
	return `
  Rollpin listens on ${facts.url} (${workers}).
${engine}
  Try it from another terminal: create a session, chat, read it back.

    id=$(curl -s${auth} -X POST ${facts.url}/sessions | grep -oE '[0-9a-f]{32}' | head -1)
    curl -s${auth} ${facts.url}/sessions/$id/v1/chat/completions -H 'content-type: application/json' -d ${body}
    curl -s${auth} ${facts.url}/sessions/$id

  Agents use ${facts.url}/sessions/$id/v1 as their OpenAI base URL. Ctrl-C ends it.

`;
}
