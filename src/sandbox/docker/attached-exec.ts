// One command at the engine, with its streams on a connection of its own: the call that plain HTTP cannot make. Knows no marks and no scripts.
import { request } from "node:http";
import type { Socket } from "node:net";
import { type Engine, expectStatus, lost, messageOf, unavailable } from "./engine.js";
import { type Frame, RawStream } from "./raw-stream.js";

export interface EngineCommand {
	argv: readonly string[];
	user: string;
	/** `NAME=value`; a name alone takes the image's away. */
	env: readonly string[];
	/** Whether it reads stdin; without it there is nothing to read from the start. */
	withStdin: boolean;
}

const CREATE_LIMIT_MS = 30_000;
/** Until the connection is the command's: the engine answers before it starts anything. */
const START_LIMIT_MS = 30_000;

export class AttachedExec {
	/** The engine's id of it. */
	readonly execId: string;
	readonly #socket: Socket;
	readonly #head: Buffer;

	private constructor(execId: string, socket: Socket, head: Buffer) {
		this.execId = execId;
		this.#socket = socket;
		this.#head = head;
		// Read from by `frames`, which throws it; a failure to write shows there as well.
		socket.on("error", () => undefined);
	}

	/** @throws RollpinError `sandbox_lost`, `sandbox_backend_unavailable` */
	static async start(
		engine: Engine,
		id: string,
		command: EngineCommand,
		signal: AbortSignal,
	): Promise<AttachedExec> {
		const made = await engine.call({
			method: "POST",
			path: `/containers/${id}/exec`,
			body: {
				AttachStdin: command.withStdin,
				AttachStdout: true,
				AttachStderr: true,
				User: command.user,
				Env: command.env,
				Cmd: command.argv,
			},
			limitMs: CREATE_LIMIT_MS,
			signal,
		});
		if (made.status === 404) throw lost(id, "the engine has none of that name");
		if (made.status === 409 && !messageOf(made).includes("is paused")) throw lost(id, messageOf(made));
		const { Id } = expectStatus(made, [201], `make a command in ${id}`) as { Id: string };
		signal.throwIfAborted();
		const [socket, head] = await hijack(engine, id, Id);
		return new AttachedExec(Id, socket, head);
	}

	/** What it writes, until its streams are closed. @throws Error when the connection fails */
	async *frames(): AsyncGenerator<Frame, void> {
		const stream = new RawStream();
		yield* stream.push(this.#head);
		for await (const chunk of this.#socket as AsyncIterable<Buffer>) yield* stream.push(chunk);
	}

	/** Gives it stdin and ends that. Stops early, without a word, when nobody reads any more. */
	async feed(stdin: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<void> {
		for await (const bytes of stdin) {
			if (!this.#socket.writable) return;
			if (!this.#socket.write(bytes)) await this.#drained();
		}
		this.#socket.end();
	}

	/** Lets go of the streams; what runs goes on. */
	detach(): void {
		this.#socket.destroy();
	}

	#drained(): Promise<void> {
		return new Promise((resolve) => {
			const done = () => {
				this.#socket.off("drain", done);
				this.#socket.off("close", done);
				resolve();
			};
			this.#socket.on("drain", done);
			this.#socket.on("close", done);
		});
	}
}

/** No signal: a command that the engine was told to start has to be found, to be killed. */
function hijack(engine: Engine, id: string, execId: string): Promise<[Socket, Buffer]> {
	return new Promise((resolve, reject) => {
		const asked = request({
			socketPath: engine.socketPath,
			agent: false,
			method: "POST",
			path: `/exec/${execId}/start`,
			headers: {
				host: "engine",
				connection: "Upgrade",
				upgrade: "tcp",
				"content-type": "application/json",
			},
		});
		const limit = setTimeout(() => {
			asked.destroy();
			reject(
				unavailable(`the container engine did not start a command in ${id} within ${START_LIMIT_MS} ms`),
			);
		}, START_LIMIT_MS);
		const settle = (settled: () => void) => {
			clearTimeout(limit);
			settled();
		};
		asked.on("upgrade", (_reply, socket, head) => settle(() => resolve([socket as Socket, head])));
		asked.on("error", (error) => settle(() => reject(engine.unreachable(error))));
		asked.on("response", (reply) => {
			let text = "";
			reply.setEncoding("utf8").on("data", (piece: string) => {
				text = (text + piece).slice(0, 10_000);
			});
			reply.on("close", () => settle(() => reject(refused(id, reply.statusCode ?? 0, text))));
		});
		asked.end(JSON.stringify({ Detach: false, Tty: false }));
	});
}

function refused(id: string, status: number, text: string): Error {
	const gone = status === 404 || (status === 409 && !text.includes("is paused"));
	return gone
		? lost(id, text)
		: unavailable(
				`the container engine refused to start a command in ${id}: ${text} (HTTP status ${status})`,
			);
}
