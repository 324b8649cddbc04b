// The prompt of one turn: stored tokens, boundary-fixed, plus the ids of the appended messages only.
import { RollpinError } from "../../base/errors.js";
import type { Tito } from "../../tito/tito.js";
import { storedValue } from "../path/path-state.js";
import type { RequestMessages } from "../path/request-messages.js";
import type { Attachment } from "../place/attach.js";
import type { EnginePrompt, TemplateInput } from "./generation.js";
import { refuseOtherKwargs } from "./kwargs-pin.js";

export interface Prompt {
	/** Ids after the parent's tokens, the boundary's insertion included. */
	ids: Int32Array;
	/** Ids dropped from the end of the parent's tokens first. */
	trimCount: number;
	/** The ids begin with what closes the stored answer, which a stop string had ended. */
	stopJoin: boolean;
	engine: EnginePrompt;
}

/**
 * Ids of a whole request, for a session that does not exist yet: what is refused here leaves nothing behind.
 * @throws RollpinError `session_too_large` over `maxTokens`; whatever the template refuses
 */
export async function encodeFirstPrompt(
	messages: RequestMessages,
	template: TemplateInput,
	tito: Tito,
	maxTokens: number,
): Promise<Int32Array> {
	const all = Array.from({ length: messages.count }, (_, index) => messages.value(index));
	const kwargs = tito.effectiveKwargs(template.kwargs);
	const ids = await tito.encodePrompt({ messages: all, tools: template.tools, kwargs });
	checkLength(ids.length, maxTokens);
	return ids;
}

/**
 * @param firstPrompt the request's ids from `encodeFirstPrompt`, or null
 * @throws RollpinError `session_too_large` over `maxTokens`; `invalid_request` for template kwargs that differ from the
 * path's; whatever the template refuses
 */
export async function encodeTurn(
	attach: Attachment,
	messages: RequestMessages,
	template: TemplateInput,
	tito: Tito,
	maxTokens: number,
	firstPrompt: Int32Array | null,
): Promise<Prompt> {
	const kwargs = tito.effectiveKwargs(template.kwargs);
	const { tools } = template;
	const { state } = attach;
	const appended = Array.from({ length: messages.count - attach.appendedFrom }, (_, i) =>
		messages.value(attach.appendedFrom + i),
	);
	let ids: Int32Array;
	let trimCount = 0;
	let stopJoin = false;
	if (attach.parent === null) {
		ids = firstPrompt ?? (await tito.encodePrompt({ messages: appended, tools, kwargs }));
	} else {
		refuseOtherKwargs(attach.parent.templateKwargs, kwargs);
		const generated = state.messages.at(-1);
		if (generated === undefined) throw new RollpinError("internal", "a committed path has no messages");
		const suffix = await tito
			.encodeSuffix({ lastAssistant: storedValue(generated), appended, tools, kwargs })
			.catch((error: unknown) => {
				throw inRequestTerms(error, attach.appendedFrom);
			});
		const boundary = tito.joinBoundary(state.tokens.last, attach.parent.finishReason);
		trimCount = boundary.trimCount;
		stopJoin = boundary.closes === true;
		ids = new Int32Array(boundary.insert.length + suffix.length);
		ids.set(boundary.insert);
		ids.set(suffix, boundary.insert.length);
	}
	const kept = state.tokens.length - trimCount;
	const length = kept + ids.length;
	const heldRows = Math.max(0, state.tokens.length - 1);
	if (kept < heldRows) {
		throw new RollpinError("internal", `the prompt keeps ${kept} tokens, fewer than ${heldRows} replay rows`);
	}
	checkLength(length, maxTokens);
	return {
		ids,
		trimCount,
		stopJoin,
		engine: { text: state.tokens.textWith(kept, ids), length, heldRows, kwargs },
	};
}

/** The tokenizer counts the appended messages from 0; a client counts those of its request. */
function inRequestTerms(error: unknown, appendedFrom: number): unknown {
	if (!(error instanceof RollpinError) || error.param === undefined) return error;
	const place = /^appended message (\d+)/.exec(error.param);
	if (place === null) return error;
	const inRequest = `messages[${appendedFrom + Number(place[1])}]`;
	return new RollpinError(error.code, error.message.replace(place[0], inRequest), {
		param: error.param.replace(place[0], inRequest),
		cause: error,
	});
}

function checkLength(length: number, maxTokens: number): void {
	if (length <= maxTokens) return;
	throw new RollpinError(
		"session_too_large",
		`the prompt would have ${length} tokens, over the limit of ${maxTokens}; shorten it or raise --max-session-tokens`,
	);
}
