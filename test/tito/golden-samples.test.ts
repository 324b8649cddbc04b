// Replays the recorded sessions of the reference server: our input_ids must be the ones it sent, turn by turn.
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import type { JsonObject } from "../../src/json/value.js";
import { createTito } from "../../src/tito/create.js";
import type { Tito } from "../../src/tito/tito.js";
import { continued } from "./continued.js";
import { list, numbers, object, readJson, recordedSessions, recordingsDir, text } from "./shared.js";

/** A turn as it is kept: its whole conversation, and prompt and completion ids. */
interface StoredTurn {
	messages: JsonObject[];
	ids: Int32Array;
}

function isSame(a: JsonObject | undefined, b: JsonObject | undefined): boolean {
	return a !== undefined && b !== undefined && ["role", "content"].every((key) => a.get(key) === b.get(key));
}

/** The latest of the longest stored turns that the request goes on from. */
function attachPoint(turns: readonly StoredTurn[], messages: readonly JsonObject[]): StoredTurn | undefined {
	return turns
		.filter((turn) => turn.messages.every((message, at) => isSame(message, messages[at])))
		.sort((a, b) => a.messages.length - b.messages.length)
		.at(-1);
}

function choiceOf(turn: JsonObject): JsonObject {
	return object(list(object(turn.get("engine_reply")).get("choices"))[0]);
}

function completionIds(turn: JsonObject): number[] {
	const logprobs = list(object(choiceOf(turn).get("meta_info")).get("output_token_logprobs"));
	return logprobs.map((entry) => numbers(list(entry).slice(1, 2))[0] ?? -1);
}

const recordings = recordedSessions().filter(
	(name) => list(readJson(recordingsDir, name, "session.json").get("turns")).length > 0,
);

describe("recorded sessions", () => {
	let tito: Tito;

	beforeAll(async () => {
		tito = await createTito({
			checkpointDir: join(recordingsDir, "checkpoint"),
			chatTemplateFile: null,
			chatTemplateKwargs: new Map(),
			titoModel: "default",
		});
	});

	test.each(recordings)("%s: every turn's input_ids are the recorded ones", async (name) => {
		const turns = list(readJson(recordingsDir, name, "session.json").get("turns")).map(object);
		const kept: StoredTurn[] = [];
		for (const [at, turn] of turns.entries()) {
			const messages = list(object(turn.get("request")).get("messages")).map(object);
			const kwargs = tito.effectiveKwargs(undefined);
			const parent = attachPoint(kept, messages);
			const prompt =
				parent === undefined
					? await tito.encodePrompt({ messages, tools: undefined, kwargs })
					: await continued(tito, parent.ids, {
							lastAssistant: parent.messages.at(-1) ?? new Map(),
							appended: messages.slice(parent.messages.length),
							tools: undefined,
							kwargs,
						});
			expect([...prompt], `turn ${at}`).toEqual(numbers(turn.get("input_ids")));
			const completion = completionIds(turn);
			kept.push({
				messages: [...messages, object(choiceOf(turn).get("message"))],
				ids: Int32Array.from([...prompt, ...completion]),
			});
			expect(await tito.decode(Int32Array.from(completion))).toContain(
				text(object(choiceOf(turn).get("message")).get("content")),
			);
		}
		console.log(`${name}: ${turns.length} recorded turns equal`);
	});
});
