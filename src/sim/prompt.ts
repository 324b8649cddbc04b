// Placeholder until tito lands
import { type JsonRecord, SimRefusal } from "./chat-request.js";
export type PromptRenderer = (fields: JsonRecord) => Promise<Int32Array>;
export async function createPromptRenderer(_dir: string): Promise<PromptRenderer> {
	return async () => {
		throw new SimRefusal(400, "give input_ids");
	};
}
