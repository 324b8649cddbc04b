// Chats that arrive in one turn of the worker's loop, and what else the loop gets to do between them.
import { connect, type Socket } from "node:net";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startRig, type WorkerRig } from "../support/worker-rig.js";

const CHATS = 16;

let rig: WorkerRig;

beforeAll(async () => {
	rig = await startRig();
});

afterAll(async () => {
	await rig.close();
});

it("gives each of many chats that came at once a turn of the loop of its own", async () => {
	const ids = await Promise.all(Array.from({ length: CHATS }, () => rig.create()));
	const sockets = await Promise.all(ids.map(() => connected(rig.socketPath())));
	// The worker has taken each connection by then.
	for (const [index, socket] of sockets.entries()) {
		socket.write(`GET /sessions/${ids[index]} HTTP/1.1\r\nhost: worker\r\n\r\n`);
		await firstBytes(socket);
	}
	const started = startsByTurn(rig);
	const answered = Promise.all(sockets.map(firstBytes));
	for (const [index, socket] of sockets.entries()) socket.write(chatRequest(ids[index] ?? ""));
	// The worker's loop is this one: all of them are in its sockets when it goes on.
	const until = performance.now() + 50;
	while (performance.now() < until);

	const heads = await answered;

	expect(heads.map((head) => head.split("\r\n")[0])).toEqual(ids.map(() => "HTTP/1.1 200 OK"));
	const perTurn = started.end();
	expect(perTurn.reduce((sum, count) => sum + count, 0)).toBe(CHATS);
	expect(Math.max(...perTurn)).toBe(1);
	for (const socket of sockets) socket.destroy();
});

/** How many chats began in each turn of the loop in which any did. */
function startsByTurn({ events }: WorkerRig): { end(): number[] } {
	let seen = events.length;
	let ended = false;
	const perTurn: number[] = [];
	const look = () => {
		const starts = events.slice(seen).filter(({ event }) => event === "chat_start").length;
		seen = events.length;
		if (starts > 0) perTurn.push(starts);
		if (!ended) setImmediate(look);
	};
	setImmediate(look);
	return {
		end() {
			ended = true;
			look();
			return perTurn;
		},
	};
}

function connected(path: string): Promise<Socket> {
	return new Promise((resolve, reject) => {
		const socket: Socket = connect(path, () => resolve(socket));
		socket.once("error", reject);
	});
}

function firstBytes(socket: Socket): Promise<string> {
	return new Promise((resolve) => socket.once("data", (bytes) => resolve(bytes.toString("latin1"))));
}

function chatRequest(id: string): string {
	const body = JSON.stringify({ model: "toy", messages: [{ role: "user", content: "hello" }] });
	const head = [
		`POST /sessions/${id}/v1/chat/completions HTTP/1.1`,
		"host: worker",
		"content-type: application/json",
		`content-length: ${body.length}`,
	];
	return `${head.join("\r\n")}\r\n\r\n${body}`;
}
