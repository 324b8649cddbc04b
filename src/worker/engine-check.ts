// Compares the engine's own ids of short conversations with ours, once through. Keeps nothing, sends no session's text.
import { RollpinError } from "../base/errors.js";
import type { EngineDialect } from "../engine/engine.js";
import { chosenTools } from "../session/turn/template-input.js";
import type { Tito } from "../tito/tito.js";
import {
	differsOnlyInReasoning,
	firstDifference,
	inGatewayOrder,
	TRUTH_CONVERSATIONS,
	type TruthConversation,
} from "../tito/truth.js";

export interface CheckedConversation {
	conversation: string;
	/** Tokens of the engine's own prompt. */
	tokens: number;
	/** By the checkpoint's own template: tells tokenizer, template and tool schema. `none`: the checkpoint has no template. */
	template: "same" | "differs" | "none";
	/** As chats are rendered; `on purpose`: nothing but reasoning that the family keeps. */
	family: "same" | "on purpose" | "differs" | "not compared";
	/** Of the first finding; null where there is none. */
	finding: { position: number; ours: string; engine: string } | null;
}

export interface EngineCheck {
	result: "ok" | "differs" | "skipped";
	/** Why it was skipped, else how the engine was asked. */
	by: string;
	rows: CheckedConversation[];
}

/** Where an engine is asked, and in which way. */
export interface EngineAddress {
	/** Base URL. */
	url: string;
	dialect: EngineDialect;
}

export interface EngineCheckParts {
	engine: EngineAddress;
	/** `--served-model`, or null for the engine's own name of it. */
	model: string | null;
	tito: Tito;
	/** The family is another model's on purpose: the toy checkpoint's template tells of tools in its own words. */
	familyCompared: boolean;
	/** For all conversations together. */
	timeoutMs: number;
}

/** Tokens shown around the first that differs. */
const BEFORE = 6;
const AFTER = 10;

/** Never throws; ends within `timeoutMs`. */
export async function checkEngine(parts: EngineCheckParts): Promise<EngineCheck> {
	const signal = AbortSignal.timeout(parts.timeoutMs);
	const { dialect, url } = parts.engine;
	const model = parts.model ?? (await dialect.modelName(url, signal));
	const kwargs = parts.tito.effectiveKwargs(undefined);
	const rows: CheckedConversation[] = [];
	let by = "";
	for (const conversation of TRUTH_CONVERSATIONS) {
		const { messages, toolChoice, tools } = conversation;
		const chatTools = tools === undefined ? undefined : inGatewayOrder(tools);
		const answer = await dialect.ownPrompt({
			url,
			model,
			messages,
			tools,
			chatTools,
			toolChoice,
			kwargs,
			signal,
		});
		if (answer.kind === "unreachable") return { result: "skipped", by: answer.reason, rows };
		if (answer.kind === "refused") {
			// Of the first one it is the engine; of a later one its template, which may not know a role or a field.
			if (rows.length === 0) return { result: "skipped", by: answer.reason, rows };
			continue;
		}
		by = answer.by;
		const asked = by === "chat" ? { ...conversation, tools: chatTools } : conversation;
		rows.push(await compare(parts, asked, answer.ids));
	}
	const differs = rows.some(({ family, template }) => family === "differs" || template === "differs");
	return { result: differs ? "differs" : "ok", by, rows };
}

async function compare(
	{ familyCompared, tito }: EngineCheckParts,
	{ messages, name, toolChoice, tools }: TruthConversation,
	engineIds: number[],
): Promise<CheckedConversation> {
	// The chats' own choice of tools, so that what is compared is what they render.
	const shown = chosenTools(tools, toolChoice);
	const input = { messages, tools: shown, kwargs: tito.effectiveKwargs(undefined) };
	const engine = Int32Array.from(engineIds);
	const byTemplate = await idsOrRefusal(() => tito.encodeByTemplate(input));
	if (byTemplate instanceof RollpinError) {
		// What one template shows and the other refuses is no question of tokens: they are two templates.
		const [text = ""] = await tito.decodeMany([engine.slice(0, AFTER)]);
		const finding = { position: 0, ours: `refused: ${byTemplate.message}`, engine: text };
		return {
			conversation: name,
			tokens: engine.length,
			template: "differs",
			family: "not compared",
			finding,
		};
	}
	const shownByFamily = familyCompared ? await idsOrRefusal(() => tito.encodePrompt(input)) : null;
	// What a family can't show it refuses in a chat too.
	const byFamily = shownByFamily instanceof RollpinError ? null : shownByFamily;
	const row: CheckedConversation = {
		conversation: name,
		tokens: engine.length,
		template:
			byTemplate === null ? "none" : firstDifference(byTemplate, engine) === null ? "same" : "differs",
		family:
			byFamily === null ? "not compared" : firstDifference(byFamily, engine) === null ? "same" : "differs",
		finding: null,
	};
	if (row.family === "differs" && byFamily !== null) {
		const [ours = "", theirs = ""] = await tito.decodeMany([byFamily, engine]);
		if (differsOnlyInReasoning(ours, theirs)) row.family = "on purpose";
	}
	const wrong = row.template === "differs" ? byTemplate : row.family === "differs" ? byFamily : null;
	if (wrong !== null) row.finding = await findingOf(tito, wrong, engine);
	return row;
}

async function idsOrRefusal(
	encode: () => Promise<Int32Array | null>,
): Promise<Int32Array | RollpinError | null> {
	try {
		return await encode();
	} catch (error) {
		// A template that cannot show this conversation.
		if (error instanceof RollpinError) return error;
		throw error;
	}
}

async function findingOf(
	tito: Tito,
	ours: Int32Array,
	engine: Int32Array,
): Promise<NonNullable<CheckedConversation["finding"]>> {
	const position = firstDifference(ours, engine) ?? 0;
	const around = (ids: Int32Array) => ids.slice(Math.max(0, position - BEFORE), position + AFTER);
	const [oursText = "", engineText = ""] = await tito.decodeMany([around(ours), around(engine)]);
	return { position, ours: oursText, engine: engineText };
}

/** One sentence for the log and for a refusal. */
export function checkText(check: EngineCheck, url: string): string {
	if (check.result === "skipped")
		return `the engine at ${url} was not compared with our rendering: ${check.by}`;
	const row = check.rows.find(({ finding }) => finding !== null);
	if (row?.finding == null)
		return `the engine at ${url} renders ${check.rows.length} short conversations to the same ids as we do (by ${check.by})`;
	const { engine, ours, position } = row.finding;
	const cause =
		row.template === "differs"
			? "tokenizer, chat template or tool schema are not the engine's (--checkpoint, --chat-template, --tool-schema-version)"
			: "--tito-model is not the model's family";
	return (
		`the engine at ${url} renders "${row.conversation}" to other ids from token ${position} on: ours ${JSON.stringify(ours)}, ` +
		`the engine's ${JSON.stringify(engine)}; ${cause}`
	);
}
