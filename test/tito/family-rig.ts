// A family over a tokenizer, and the ids an engine would sample for a message. Toy tokenizers get the tokens they lack.
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { JsonObject } from "../../src/json/value.js";
import { createTito } from "../../src/tito/create.js";
import { Encoder } from "../../src/tito/encoder.js";
import { familyNamed } from "../../src/tito/families/registry.js";
import type { PromptInput, Tito } from "../../src/tito/tito.js";
import { TOY_DIR } from "./toy.js";

export interface FamilyRig {
	tito: Tito;
	/** Ids of a text as it is. */
	encode(text: string): Promise<Int32Array>;
	/** Id of a token by its text. @throws Error for a token the tokenizer lacks */
	id(token: string): number;
	/** A conversation that ends in an answer, as a session has stored it when the engine sampled just that answer. */
	stored(input: PromptInput): Promise<Int32Array>;
}

interface AddedToken {
	id: number;
	content: string;
}

/** One for each tokenizer of a test file: the large ones take seconds to build. */
const encoders = new Map<string, Encoder>();

function encoderOf(checkpointDir: string): Encoder {
	const known = encoders.get(checkpointDir);
	if (known !== undefined) return known;
	const made = new Encoder(join(checkpointDir, "tokenizer.json"));
	encoders.set(checkpointDir, made);
	return made;
}

/** What an engine stops at, where the template does not write it after the answer. */
function stopOf(titoModel: string, answer: JsonObject | undefined): string | null {
	if (titoModel !== "glm47" && titoModel !== "glm53") return null;
	return answer?.has("tool_calls") === true ? "<|observation|>" : "<|user|>";
}

/** @param checkpointDir with tokenizer.json and tokenizer_config.json */
export async function familyRig(
	titoModel: string,
	checkpointDir: string,
	chatTemplateFile: string | null = null,
): Promise<FamilyRig> {
	const tito = await createTito({
		checkpointDir,
		chatTemplateFile,
		chatTemplateKwargs: new Map(),
		titoModel,
	});
	const { added_tokens } = JSON.parse(readFileSync(join(checkpointDir, "tokenizer.json"), "utf8")) as {
		added_tokens: AddedToken[];
	};
	const id = (token: string) => {
		const found = added_tokens.find(({ content }) => content === token);
		if (found === undefined) throw new Error(`${checkpointDir} has no token ${token}`);
		return found.id;
	};
	const { boundary } = familyNamed(titoModel);
	return {
		tito,
		encode: async (text) => encoderOf(checkpointDir).encode(text),
		id,
		async stored(input) {
			const canonical = await tito.encodeConversation(input);
			const stop = stopOf(titoModel, input.messages.at(-1));
			if (stop !== null) return Int32Array.from([...canonical, id(stop)]);
			if (boundary.kind !== "newline") return canonical;
			if (canonical.at(-2) !== id(boundary.after))
				throw new Error(
					`the template of ${titoModel} does not end a message in ${boundary.after} and a newline`,
				);
			return canonical.subarray(0, -1);
		},
	};
}

/** The toy checkpoint with more special tokens, in a directory of its own; the caller removes it. */
export function toyWith(tokens: readonly string[], template = join(TOY_DIR, "chat_template.jinja")): string {
	const dir = mkdtempSync(join(tmpdir(), "rollpin-toy-"));
	const tokenizer = JSON.parse(readFileSync(join(TOY_DIR, "tokenizer.json"), "utf8")) as {
		added_tokens: Array<Record<string, unknown> & AddedToken>;
	};
	const [like] = tokenizer.added_tokens;
	let next = Math.max(...tokenizer.added_tokens.map(({ id }) => id)) + 1;
	const known = new Set(tokenizer.added_tokens.map(({ content }) => content));
	for (const content of tokens) {
		if (known.has(content)) continue;
		tokenizer.added_tokens.push({ ...like, id: next++, content, special: true });
	}
	writeFileSync(join(dir, "tokenizer.json"), JSON.stringify(tokenizer));
	copyFileSync(join(TOY_DIR, "tokenizer_config.json"), join(dir, "tokenizer_config.json"));
	copyFileSync(template, join(dir, "chat_template.jinja"));
	return dir;
}

export function removeToy(dir: string): void {
	if (dir.startsWith(tmpdir()) && existsSync(dir)) rmSync(dir, { recursive: true });
}
