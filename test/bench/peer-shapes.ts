// The shapes of bench:peer: what is asked of every subject, and how much of it. Measures nothing itself.
import { percentile } from "../../src/demo/report.js";
import { open, runAgents, type Shape } from "./agents.js";
import { Conversation, Post, words } from "./chat-client.js";
import { Chatters } from "./chatters.js";
import { startRole } from "./processes.js";
import { type ReadReport, readOnAndOn } from "./read-on.js";
import type { RealText } from "./real-text.js";
import type { Subject } from "./subjects.js";
import type { PeerShape, Trial } from "./trial.js";

const connectTo = (subject: Subject) => () => new Post(subject.url, null);

async function remove(subject: Subject, ids: readonly string[]): Promise<void> {
	let next = 0;
	await Promise.all(
		Array.from({ length: 8 }, async () => {
			const post = connectTo(subject)();
			while (next < ids.length) await post.remove(`/sessions/${ids[next++]}`);
			await post.close();
		}),
	);
}

function turnsTrial(subject: Subject, shape: Shape): Trial {
	let ids: string[] = [];
	return {
		async run() {
			const { extra = "" } = subject;
			const run = await runAgents({ kind: "sessions", connect: connectTo(subject), extra }, shape);
			ids = run.ids;
			return { units: run.turns, elapsedS: run.elapsedS, unitMs: run.turnMs };
		},
		clear: () => remove(subject, ids),
	};
}

interface Turns {
	name: string;
	title: string;
	shape: Shape;
	/** Turns of a session in the warm-up. */
	warmUpTurns: number;
	r3BytesPerToken?: number;
	textOf?: RealText;
}

function turnsShape({ name, r3BytesPerToken = 0, shape, textOf, title, warmUpTurns }: Turns): PeerShape {
	const inRun = (run: number) =>
		textOf === undefined ? {} : { text: (index: number) => textOf(run, index) };
	return {
		name,
		title,
		unit: "turn",
		tokensOut: shape.tokensOut,
		r3BytesPerToken,
		prepare: async (subject, run) => turnsTrial(subject, { ...shape, ...inRun(run) }),
		warmUp: async (subject, run) => turnsTrial(subject, { ...shape, turns: warmUpTurns, ...inRun(run) }),
	};
}

const CREATES = 3_000;
const CREATED_AT_ONCE = 32;

function createTrial(subject: Subject, count: number): Trial {
	const ids: string[] = [];
	let asked = 0;
	return {
		async run() {
			const unitMs: number[] = [];
			const startedMs = performance.now();
			await Promise.all(
				Array.from({ length: CREATED_AT_ONCE }, async () => {
					const post = connectTo(subject)();
					while (asked++ < count) {
						const askedMs = performance.now();
						ids.push(await open(post));
						unitMs.push(performance.now() - askedMs);
					}
					await post.close();
				}),
			);
			return { units: unitMs.length, elapsedS: (performance.now() - startedMs) / 1000, unitMs };
		},
		clear: () => remove(subject, ids),
	};
}

const create: PeerShape = {
	name: "create",
	title: `POST /sessions, ${CREATED_AT_ONCE} at once`,
	unit: "create",
	tokensOut: 1,
	r3BytesPerToken: 0,
	prepare: async (subject) => createTrial(subject, CREATES),
	warmUp: async (subject) => createTrial(subject, CREATES / 6),
};

const READ_TURNS = 32;
const READ_WORDS = 1_000;
const PHASE_MS = 2_500;
const PACE = { chatters: 8, everyMs: 50 };

/** A session whose GET has some 9 MB. */
async function growLarge(subject: Subject): Promise<string> {
	const post = connectTo(subject)();
	const id = await open(post);
	const conversation = new Conversation();
	for (let turn = 0; turn < READ_TURNS; turn++) {
		conversation.user(words(READ_WORDS, turn));
		const { bytes } = await post.send(
			`/sessions/${id}/v1/chat/completions`,
			conversation.body(',"model":"sim"'),
		);
		conversation.assistant(bytes);
	}
	await post.close();
	return id;
}

async function readTrial(subject: Subject): Promise<Trial> {
	const id = await growLarge(subject);
	const reader = await startRole<object>("reader", [subject.url]);
	const chatters = new Chatters(connectTo(subject), PACE);
	await new Promise((resolve) => setTimeout(resolve, PHASE_MS / 3));
	chatters.take();
	await new Promise((resolve) => setTimeout(resolve, PHASE_MS));
	const quiet = chatters.take();
	return {
		async run() {
			const startedMs = performance.now();
			const reads: ReadReport[] = await readOnAndOn(
				reader,
				{ method: "GET", path: `/sessions/${id}` },
				PHASE_MS,
			);
			const elapsedS = (performance.now() - startedMs) / 1000;
			const unitMs = chatters.take();
			return { units: unitMs.length, elapsedS, unitMs, figures: readFigures(quiet, unitMs, reads) };
		},
		async clear() {
			await chatters.stop();
			await reader.stop();
			await remove(subject, [id]);
		},
	};
}

function readFigures(quiet: readonly number[], during: readonly number[], reads: readonly ReadReport[]) {
	const p99 = (turnMs: readonly number[]) => percentile(turnMs, 0.99);
	return {
		quiet_p99_ms: p99(quiet),
		p99_to_quiet: p99(during) / p99(quiet),
		reads: reads.length,
		failed_reads: reads.filter(({ status }) => status !== 200).length,
		read_mb: percentile(
			reads.map(({ bytes }) => bytes / 1e6),
			0.5,
		),
		read_ms: percentile(
			reads.map(({ elapsedMs }) => elapsedMs),
			0.5,
		),
	};
}

const read: PeerShape = {
	name: "read",
	title: "8 sessions that chat while another, large one is read by GET again and again",
	unit: "turn",
	tokensOut: 200,
	r3BytesPerToken: 0,
	prepare: readTrial,
	warmUp: async (subject) => turnsTrial(subject, { sessions: 8, turns: 8, wordsIn: 20, tokensOut: 200 }),
	readsSessions: true,
};

/** Of the shape with replay payloads, for its floor. */
export const R3_COUNTS = { sessions: 8, turns: 20, tokensIn: 1_000 };

const CHAT: Shape = { sessions: 32, turns: 20, wordsIn: 100, tokensOut: 200 };

/** @param textOf messages of real text, for a shape of its own */
export function peerShapes(textOf: RealText): PeerShape[] {
	return [
		turnsShape({
			name: "chat",
			title: "plain chats: 32 sessions x 20 turns, 200 tokens in and out",
			shape: CHAT,
			warmUpTurns: 8,
		}),
		turnsShape({
			name: "r3",
			title: "replay payloads: 8 sessions x 20 turns, 1,000 tokens in and out, 1,000 bytes a token",
			shape: { sessions: R3_COUNTS.sessions, turns: R3_COUNTS.turns, wordsIn: 500, tokensOut: 1_000 },
			warmUpTurns: 4,
			r3BytesPerToken: 1_000,
		}),
		turnsShape({
			name: "long",
			title: "long histories: 4 sessions x 60 turns, to 102,000 tokens",
			shape: { sessions: 4, turns: 60, wordsIn: 350, tokensOut: 1_000 },
			warmUpTurns: 8,
		}),
		turnsShape({
			name: "text",
			title: "real text: 8 sessions x 16 turns, 4,000 to 20,000 characters a message",
			shape: { sessions: 8, turns: 16, wordsIn: 0, tokensOut: 200 },
			warmUpTurns: 8,
			textOf,
		}),
		create,
		read,
		turnsShape({
			name: "workers",
			title: "plain chats as above over one worker and over two",
			shape: CHAT,
			warmUpTurns: 8,
		}),
	];
}
