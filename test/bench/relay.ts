// Role: a plain relay over undici, the floor of what a hop costs. Has no sessions: it makes up their ids and forgets them.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { Pool } from "undici";
import { ready } from "./processes.js";

export interface Relay {
	url: string;
}

const [upstream] = process.argv.slice(2);
const pool = new Pool(upstream ?? "", { connections: 256, bodyTimeout: 0 });
let created = 0;

async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
	const { headers, method, url = "" } = request;
	if (method === "POST" && url === "/sessions") {
		response.setHeader("content-type", "application/json");
		response.end(`{"session_id":"${(created++).toString(16).padStart(32, "0")}"}`);
	} else if (method === "DELETE") {
		response.writeHead(204).end();
	} else {
		const reply = await pool.request({
			method: "POST",
			path: url.replace(/^\/sessions\/[^/]+/, ""),
			headers: {
				"content-type": headers["content-type"] ?? "application/json",
				"content-length": headers["content-length"] ?? "0",
			},
			body: request,
		});
		response.writeHead(reply.statusCode, {
			"content-type": String(reply.headers["content-type"]),
			"content-length": String(reply.headers["content-length"]),
		});
		reply.body.pipe(response);
	}
}

const server = createServer({ keepAliveTimeout: 600_000 }, (request, response) => {
	handle(request, response).catch((error: unknown) => response.writeHead(502).end(String(error)));
});
server.listen(0, "127.0.0.1", () => {
	const address = server.address();
	const message: Relay = { url: `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}` };
	ready(message, () => void server.close());
});
