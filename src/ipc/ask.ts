// One request of a process to another one's server: JSON there and back, errors as the other one threw them. Keeps no connection.
import { request } from "node:http";
import { ERROR_STATUS, type ErrorCode, RollpinError } from "../base/errors.js";
import { netOptions, type WorkerAddress } from "./worker-address.js";

/** What no server of ours answers with. */
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;

/**
 * @param json the body; undefined: none
 * @returns what it answered, parsed; null for an empty answer
 * @throws RollpinError as the other process threw it; Error of the system when it cannot be reached, or breaks off; the signal's reason
 */
export async function ask(
	address: WorkerAddress,
	method: "GET" | "POST" | "PUT" | "DELETE",
	path: string,
	json: unknown,
	signal: AbortSignal,
): Promise<unknown> {
	const body = json === undefined ? null : Buffer.from(JSON.stringify(json));
	const { status, text } = await exchange(address, method, path, body, signal);
	const value: unknown = text === "" ? null : JSON.parse(text);
	if (status < 400) return value;
	throw errorOf(status, value);
}

function exchange(
	address: WorkerAddress,
	method: string,
	path: string,
	body: Buffer | null,
	signal: AbortSignal,
): Promise<{ status: number; text: string }> {
	const where = netOptions(address);
	return new Promise((resolve, reject) => {
		const outgoing = request(
			{
				...("path" in where ? { socketPath: where.path } : where),
				agent: false,
				method,
				path,
				signal,
				headers: body === null ? {} : { "content-type": "application/json", "content-length": body.length },
			},
			(reply) => {
				const pieces: Buffer[] = [];
				let length = 0;
				reply.on("data", (piece: Buffer) => {
					length += piece.length;
					if (length > MAX_ANSWER_BYTES)
						reply.destroy(new Error(`the answer to ${method} ${path} is too large`));
					pieces.push(piece);
				});
				reply.on("error", reject);
				reply.on("close", () => {
					if (reply.complete)
						resolve({ status: reply.statusCode ?? 0, text: Buffer.concat(pieces).toString() });
					else reject(new Error(`the answer to ${method} ${path} broke off`));
				});
			},
		);
		outgoing.on("error", (error) => reject(signal.aborted ? signal.reason : error));
		outgoing.end(body);
	});
}

function errorOf(status: number, value: unknown): Error {
	const { error } = (value ?? {}) as {
		error?: { code?: string; message?: string; param?: string; details?: Record<string, unknown> };
	};
	const code = error?.code ?? "";
	if (!Object.hasOwn(ERROR_STATUS, code)) return new Error(`the other process answered ${status}`);
	return new RollpinError(code as ErrorCode, error?.message ?? "", {
		status,
		...(error?.param === undefined ? {} : { param: error.param }),
		...(error?.details === undefined ? {} : { details: error.details }),
		...(status === 503 || status === 429 ? { retryAfterS: 1 } : {}),
	});
}
