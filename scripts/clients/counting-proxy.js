// A relay before the cluster that counts what each session was sent and answered, so that the count is not Rollpin's own.
import { once } from "node:events";
import { Agent, createServer, request } from "node:http";

const CHAT = /^\/sessions\/([^/]+)\/v1\/chat\/completions$/;

/**
 * @typedef {object} Counts
 * @property {number} sent chats that arrived
 * @property {number} answered those answered with 200
 * @property {string[]} refusals "400 history_mismatch: message" of the others, in order
 */

/** { url, counts(session): Counts, close() } */
export async function startProxy(target) {
	const agent = new Agent({ keepAlive: true });
	/** @type {Map<string, Counts>} */
	const sessions = new Map();
	const server = createServer((incoming, outgoing) => {
		const id = incoming.method === "POST" ? CHAT.exec(incoming.url)?.[1] : undefined;
		const counts = id === undefined ? null : countsOf(sessions, id);
		if (counts !== null) counts.sent++;
		const { method, headers } = incoming;
		const onward = request(new URL(incoming.url, target), { method, headers, agent }, (reply) => {
			if (counts !== null && reply.statusCode === 200) counts.answered++;
			else if (counts !== null) keepRefusal(reply, counts);
			outgoing.writeHead(reply.statusCode, reply.rawHeaders);
			reply.pipe(outgoing);
		});
		onward.on("error", () => outgoing.destroy());
		outgoing.on("close", () => onward.destroy());
		incoming.pipe(onward);
	});
	server.listen(0, "127.0.0.1");
	await once(server, "listening");
	const close = () => {
		server.close();
		server.closeAllConnections();
		agent.destroy();
	};
	return { url: `http://127.0.0.1:${server.address().port}`, counts: (id) => countsOf(sessions, id), close };
}

function countsOf(sessions, id) {
	const known = sessions.get(id) ?? { sent: 0, answered: 0, refusals: [] };
	sessions.set(id, known);
	return known;
}

function keepRefusal(reply, counts) {
	const at = counts.refusals.push(String(reply.statusCode)) - 1;
	const pieces = [];
	reply.on("data", (piece) => pieces.push(piece));
	reply.on("end", () => {
		try {
			const { code, message } = JSON.parse(Buffer.concat(pieces).toString()).error;
			counts.refusals[at] = `${reply.statusCode} ${code}: ${message}`;
		} catch {
			// The status says it.
		}
	});
}
