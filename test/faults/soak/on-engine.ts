// Injections into the engine: away and back, killed and back, answering 500, slow.
import type { Chance } from "../random.js";
import type { Injection } from "./lanes.js";
import { type Allowed, type Due, pause, type SoakWorld } from "./world.js";

/** Probed every 2 s. */
const TOLD_WITHIN_MS = 5_000;
/** While it is away a worker's breaker tries it after 1, 2, 4 s and so on: at worst as long again as it was away. */
const clearMs = (awayMs: number) => awayMs + 8_000;
const MINUTE_MS = 60_000;

const unreachable: readonly Allowed[] = [
	{ status: 502, code: "upstream_unreachable", method: "POST" },
	{ status: 503, code: "upstream_breaker_open", method: "POST" },
];

async function away(
	world: SoakWorld,
	chance: Chance,
	kind: string,
	go: () => Promise<void>,
	comeBack: () => Promise<void>,
): Promise<void> {
	const awayMs = chance.integer(2_500, 8_000);
	const within = awayMs > TOLD_WITHIN_MS + 500 ? TOLD_WITHIN_MS : null;
	const dues: Due[] = [
		{ aspect: "engine", states: ["unreachable"], withinMs: within, clearMs: clearMs(awayMs) },
		{ aspect: "ready", states: ["503"], withinMs: within, clearMs: clearMs(awayMs) },
	];
	// Workers that have counted little else say so of the few exchanges that were cut.
	const failing: Due = { aspect: "engine", states: ["failing"], withinMs: null, clearMs: MINUTE_MS + 5_000 };
	const injected = world.begin(kind, {
		detail: `${(awayMs / 1000).toFixed(1)} s`,
		allows: unreachable,
		slackMs: clearMs(awayMs),
		due: [...dues, failing],
	});
	await go();
	await pause(awayMs);
	await comeBack();
	await world.end(injected);
}

const down: Injection = (world, chance) =>
	away(
		world,
		chance,
		"engine down",
		async () => {
			await world.engine.control.listen(false);
			await world.engine.control.closeConnections("all");
		},
		() => world.engine.control.listen(true),
	);

const killed: Injection = (world, chance) =>
	away(
		world,
		chance,
		"engine SIGKILL",
		() => world.engine.kill(),
		() => world.engine.startAgain(),
	);

/** Whether it has to be told depends on the share of the last minute's answers: looked at in the end, by the agents' own count. */
function errors(leastMs: number, mostMs: number): Injection {
	return async (world, chance) => {
		const lastMs = chance.integer(leastMs, mostMs);
		const injected = world.begin("engine answers 500", {
			detail: `${(lastMs / 1000).toFixed(1)} s`,
			allows: [{ status: 500, code: "", method: "POST" }],
			due: [{ aspect: "engine", states: ["failing"], withinMs: null, clearMs: MINUTE_MS + 5_000 }],
		});
		await world.engine.answer({ status: 500, body: "no" });
		await pause(lastMs);
		await world.engine.answerWell();
		await world.end(injected);
	};
}

/** Nothing of it is anybody's fault. */
const slow: Injection = async (world, chance) => {
	const latencyMs = chance.integer(500, 2_500);
	const injected = world.begin("engine slow", { detail: `+${latencyMs} ms` });
	await world.engine.answer({ latencyMs });
	await pause(chance.integer(2_000, 8_000));
	await world.engine.answerWell();
	await world.end(injected);
};

export const ON_ENGINE: readonly Injection[] = [down, killed, errors(2_000, 6_000), slow];
/** Long enough to be most of the last minute's answers; ends sooner when the engine is killed meanwhile. */
export const LONG_ERRORS: readonly Injection[] = [errors(45_000, 60_000)];
