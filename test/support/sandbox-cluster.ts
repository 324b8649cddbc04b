// JSON over HTTP to a running cluster, for tests of its sandboxes.

export interface Answer {
	status: number;
	headers: Headers;
	// biome-ignore lint/suspicious/noExplicitAny: whatever the cluster answers
	json: any;
	text: string;
}

export async function ask(
	url: string,
	method: string,
	path: string,
	body?: unknown,
	headers: Record<string, string> = {},
): Promise<Answer> {
	const isRaw = typeof body === "string" || body instanceof Uint8Array;
	const reply = await fetch(url + path, {
		method,
		headers: { ...(body === undefined || isRaw ? {} : { "content-type": "application/json" }), ...headers },
		...(body === undefined ? {} : { body: isRaw ? (body as string) : JSON.stringify(body) }),
	});
	const text = await reply.text();
	const isJson = reply.headers.get("content-type")?.startsWith("application/json") === true;
	return { status: reply.status, headers: reply.headers, json: isJson ? JSON.parse(text) : null, text };
}
