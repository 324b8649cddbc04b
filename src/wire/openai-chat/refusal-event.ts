// An engine's refusal as the event that ends a stream whose status is out already. Pure.
import { errorType } from "../../base/errors.js";

/** More of an engine's text helps nobody. */
const MAX_TEXT = 4_096;

type Fields = Readonly<Record<string, unknown>>;

/**
 * OpenAI's clients raise an error for an event with an `error` object, and take its `message`; SGLang's own errors are flat
 * (`{"object":"error","message",...}`), FastAPI's have a `detail`.
 * @param body the engine's, of any kind
 */
export function refusalEvent(status: number, body: Buffer): string {
	const text = body.toString("utf8");
	const whole = objectOf(text);
	const fields = isObject(whole?.["error"]) ? whole["error"] : (whole ?? {});
	const said = [
		fields["message"],
		whole?.["error"],
		whole?.["detail"],
		whole === null ? text.trim() : "",
	].find((candidate) => typeof candidate === "string" && candidate !== "");
	const { type, code, param } = fields;
	const error = {
		message: shortened(
			typeof said === "string" ? said : `the engine answered with status ${status}; nothing was recorded`,
		),
		type: typeof type === "string" ? type : errorType(status),
		code: typeof code === "string" || typeof code === "number" ? code : "upstream_status",
		param: typeof param === "string" ? param : undefined,
		status,
	};
	return `data: ${JSON.stringify({ error })}\n\n`;
}

function objectOf(text: string): Fields | null {
	try {
		const value: unknown = JSON.parse(text);
		return isObject(value) ? value : null;
	} catch {
		return null;
	}
}

function isObject(value: unknown): value is Fields {
	return typeof value === "object" && value !== null && !Array.isArray(value);
}

function shortened(text: string): string {
	return text.length <= MAX_TEXT ? text : `${text.slice(0, MAX_TEXT)}...`;
}
