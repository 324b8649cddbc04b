// Injections into whoever reads the log: stalls and goes on, leaves and comes back, for a moment or until records are dropped.
import { until } from "../../support/wait.js";
import type { Injection } from "./lanes.js";
import { type Due, pause, type SoakWorld } from "./world.js";

/** Of one process's log, 8 MiB wait. */
const FLOOD_CHATS = 40;
/** Too long to be encoded at all, but the log says what it says. */
const LONG = "a".repeat(900_000);
/** A dropped record counts for 10 s; looked at every second. */
const CLEAR_MS = 14_000;
const TOLD_WITHIN_MS = 4_000;

/** A moment: the buffer takes it, nothing is lost, nothing is told. */
function short(
	kind: string,
	go: (world: SoakWorld) => void,
	comeBack: (world: SoakWorld) => void,
): Injection {
	return async (world, chance) => {
		const injected = world.begin(kind);
		const pipe = world.cluster.log;
		go(world);
		await pause(chance.integer(1_000, 6_000));
		comeBack(world);
		// What it says afterwards is whole again.
		const from = pipe.records.length;
		await world.expect("the log goes on", world.cluster.record(["chat_done"], from, 20_000));
		await world.end(injected);
	};
}

/** Until far more waits than the buffer takes. */
function flooded(
	kind: string,
	go: (world: SoakWorld) => void,
	comeBack: (world: SoakWorld) => void,
): Injection {
	return async (world, chance) => {
		const pipe = world.cluster.log;
		const from = pipe.records.length;
		const before = await droppedRecords(world);
		const injected = world.begin(kind);
		go(world);
		for (let chat = 0; chat < FLOOD_CHATS && (await droppedRecords(world)) <= before; chat++)
			await longChat(world, chat);
		await world.expect(
			"rollpin_log_dropped_total",
			until("it to rise", 5_000, async () => (await droppedRecords(world)) > before),
		);
		// It may have been told some time ago, and not any more: one long record that is dropped makes room for many.
		const due: Due = {
			aspect: "log",
			states: ["dropping"],
			withinMs: Number.POSITIVE_INFINITY,
			clearMs: CLEAR_MS,
		};
		injected.claims.push({ ...due, fromMs: injected.atMs, untilMs: Number.POSITIVE_INFINITY, why: kind });
		const isTold = () =>
			world.watch.looks.some(({ askedMs, told }) => askedMs > injected.atMs && told.log === "dropping");
		await world.expect("/health, of dropped records", until("it to be told", TOLD_WITHIN_MS, isTold));
		await pause(chance.integer(4_500, 8_000));
		comeBack(world);
		await world.expect("what was dropped is told", world.cluster.record(["log_dropped"], from, 10_000));
		await world.end(injected);
	};
}

async function longChat(world: SoakWorld, chat: number): Promise<void> {
	const reply = await fetch(`${world.cluster.url}/sessions/flood-${chat}/v1/chat/completions`, {
		method: "POST",
		headers: { "content-type": "application/json" },
		body: JSON.stringify({ model: "m", max_tokens: 2, messages: [{ role: "user", content: LONG }] }),
		signal: AbortSignal.timeout(30_000),
	}).catch(() => null);
	await reply?.arrayBuffer();
	if (reply?.status === 200) world.finding("a chat over --max-session-tokens was answered 200");
}

/** Of all processes, as a scrape sees it. */
async function droppedRecords({ cluster }: SoakWorld): Promise<number> {
	const text = await fetch(`${cluster.url}/metrics`).then(
		(reply) => reply.text(),
		() => "",
	);
	const values = [...text.matchAll(/^rollpin_log_dropped_total(?:\{[^}]*\})? (\d+)/gm)];
	return values.reduce((sum, [, value]) => sum + Number(value), 0);
}

const stall = ({ cluster }: SoakWorld) => cluster.log.stall();
const resume = ({ cluster }: SoakWorld) => cluster.log.resume();
const leave = ({ cluster }: SoakWorld) => cluster.log.leave();
const attach = ({ cluster }: SoakWorld) => cluster.log.attach();

export const ON_LOG: readonly Injection[] = [
	short("log reader stalls", stall, resume),
	short("log reader gone, another comes", leave, attach),
	flooded("log reader stalls, records are dropped", stall, resume),
	flooded("log reader gone, records are dropped", leave, attach),
];
