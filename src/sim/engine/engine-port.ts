// The engine's HTTP surface: reads a request, finds its script, sends or breaks the answer, counts. Decides no content.
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Segment } from "./chat-reply.js";
import { type ParsedBody, parseBody, SimRefusal, typeOf } from "./chat-request.js";
import { changesReplies, forwardedRequest, gatewayAnswer, gatewayRefusal, returnedReply } from "./gateway.js";
import { answerGeneration, GENERATION_PATHS, ridOf } from "./generation-routes.js";
import { delay } from "./scheduler.js";
import type { ScriptedAnswer } from "./script.js";
import type { ServiceAnswer } from "./service-answer.js";
import { answerService } from "./service-routes.js";
import type { SimState } from "./state.js";
import { type Answer, pieces, sendAnswer, sendFault, sendRaw } from "./wire.js";

async function readBody(request: IncomingMessage): Promise<Buffer | null> {
	const chunks: Buffer[] = [];
	return await new Promise((resolve) => {
		request.on("data", (chunk: Buffer) => chunks.push(chunk));
		request.on("end", () => resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)));
		request.on("close", () => resolve(null));
		request.on("error", () => resolve(null));
	});
}

/** The engine's own error form. */
function refusal(error: unknown): Answer {
	const status = error instanceof SimRefusal ? error.status : 500;
	const type = error instanceof SimRefusal ? error.type : typeOf(500);
	const message = error instanceof Error ? error.message : String(error);
	const body = JSON.stringify({ object: "error", message, type, param: null, code: status });
	return { status, headers: [], segments: [Buffer.from(body)] };
}

/** One request from its arrival to the end of its answer. */
class ServedRequest {
	readonly #state: SimState;
	readonly #request: IncomingMessage;
	readonly #response: ServerResponse;
	readonly #path: string;
	readonly #generation: boolean;
	readonly #gone = new AbortController();
	/** The answer is broken on purpose: its close is not a client that left. */
	#breaking = false;
	#ended = false;

	constructor(state: SimState, request: IncomingMessage, response: ServerResponse) {
		this.#state = state;
		this.#request = request;
		this.#response = response;
		const target = request.url ?? "/";
		const query = target.indexOf("?");
		this.#path = query < 0 ? target : target.slice(0, query);
		this.#generation = request.method === "POST" && GENERATION_PATHS.has(this.#path);
		if (!this.#generation) {
			state.counters.add("otherArrivals");
		} else {
			state.counters.add("arrivals");
			state.counters.add("inFlight");
		}
		response.on("finish", () => this.#end("answered"));
		response.on("close", () => this.#end(this.#breaking ? "faults" : "cancelled"));
	}

	#end(how: "answered" | "faults" | "cancelled"): void {
		if (this.#ended) return;
		this.#ended = true;
		if (this.#generation) {
			this.#state.counters.add("inFlight", -1);
			this.#state.counters.add(how);
		}
		if (how !== "answered") this.#gone.abort();
	}

	async serve(): Promise<void> {
		const body = await readBody(this.#request);
		if (body === null) return;
		const { rawHeaders, method = "GET", url = "/", httpVersion } = this.#request;
		this.#state.log.add({ atMs: Date.now(), method, target: url, httpVersion, body }, rawHeaders);
		const arrival = { path: this.#path, generation: this.#generation, rawHeaders, body };
		const scripted = this.#state.script.take(arrival);
		try {
			await this.#answer(method, body, scripted);
		} catch (error) {
			if (this.#response.headersSent || this.#response.destroyed) {
				this.#response.destroy();
				return;
			}
			await sendAnswer(this.#response, refusal(error));
		}
	}

	async #answer(method: string, body: Buffer, scripted: ScriptedAnswer | null): Promise<void> {
		const whole = scripted ? wholeBody(scripted) : null;
		if (scripted && (whole !== null || scripted.rawBase64 !== undefined || !this.#generation)) {
			if (this.#generation) this.#state.counters.add("started");
			await this.#holdScripted(scripted);
			await this.#send({ status: 200, headers: [], segments: [whole ?? Buffer.alloc(0)] }, scripted);
		} else if (this.#generation) {
			const refused = gatewayRefusal(this.#state.misbehaviours, body);
			if (refused) return await this.#sendService(refused);
			const segments = await this.#generate(body, scripted);
			if (segments) {
				await this.#send({ status: 200, headers: [], segments: this.#returned(segments) }, scripted);
			}
		} else {
			const service =
				gatewayAnswer(this.#state.misbehaviours, method, this.#path) ??
				(await answerService(this.#state, method, this.#path, body));
			await this.#sendService(service);
		}
	}

	async #sendService({ status, contentType, body }: ServiceAnswer): Promise<void> {
		const headers: Array<[string, string]> = [["content-type", contentType]];
		await this.#send({ status, headers, segments: [Buffer.from(body)] }, null);
	}

	async #generate(body: Buffer, scripted: ScriptedAnswer | null): Promise<Segment[] | null> {
		const active = this.#state.misbehaviours;
		const parsed = parseBody(forwardedRequest(active, body));
		if (active.has("generates-twice")) await this.#run(parsed, null);
		return await this.#run(parsed, scripted);
	}

	async #run(parsed: ParsedBody, scripted: ScriptedAnswer | null): Promise<Segment[] | null> {
		const run = this.#state.scheduler.open(ridOf(parsed));
		const { lostClientMs } = this.#state.tunables;
		let noticing: NodeJS.Timeout | undefined;
		const leave = (): void => {
			if (lostClientMs === 0) run.stop("cancelled");
			else noticing = setTimeout(() => run.stop("cancelled"), lostClientMs);
		};
		// What buffers the reply does not tell the engine that the client left.
		if (!this.#state.misbehaviours.has("buffers")) {
			if (this.#gone.signal.aborted) leave();
			this.#gone.signal.addEventListener("abort", leave, { once: true });
		}
		try {
			return await answerGeneration(this.#state, this.#path, parsed, run, scripted);
		} finally {
			clearTimeout(noticing);
			this.#state.scheduler.close(run);
		}
	}

	#returned(segments: readonly Segment[]): readonly Segment[] {
		const active = this.#state.misbehaviours;
		return changesReplies(active) ? [returnedReply(active, Buffer.concat([...pieces(segments)]))] : segments;
	}

	async #holdScripted(scripted: ScriptedAnswer): Promise<void> {
		if (scripted.latencyMs !== undefined) await delay(scripted.latencyMs, this.#gone.signal);
		if (scripted.gate !== undefined && scripted.gateAt !== "inside") {
			await this.#state.gates.pass(scripted.gate, this.#gone.signal);
		}
	}

	async #send(answer: Answer, scripted: ScriptedAnswer | null): Promise<void> {
		if (this.#response.destroyed) return;
		const changed: Answer = {
			...answer,
			status: scripted?.status ?? answer.status,
			headers: scripted?.headers ?? answer.headers,
		};
		if (scripted?.rawBase64 !== undefined) {
			this.#breaking = true;
			sendRaw(this.#response, Buffer.from(scripted.rawBase64, "base64"));
			return;
		}
		const gate = scripted?.gateAt === "inside" ? scripted.gate : undefined;
		const hold = gate === undefined ? undefined : () => this.#state.gates.pass(gate, this.#gone.signal);
		const fault = scripted?.fault;
		if (fault === "silence") return;
		if (fault !== undefined) {
			this.#breaking = true;
			const bytes = scripted?.faultAfterBytes;
			await sendFault(this.#response, fault, changed, bytes, hold ?? (() => Promise.resolve()));
			return;
		}
		await sendAnswer(this.#response, changed, hold);
	}
}

function wholeBody(scripted: ScriptedAnswer): Buffer | null {
	if (scripted.bodyBase64 !== undefined) return Buffer.from(scripted.bodyBase64, "base64");
	return scripted.body === undefined ? null : Buffer.from(scripted.body, "utf8");
}

/** The request listener of the engine's port. */
export function engineListener(
	state: SimState,
): (request: IncomingMessage, response: ServerResponse) => void {
	return (request, response) => {
		void new ServedRequest(state, request, response).serve();
	};
}
