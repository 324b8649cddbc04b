// A session made by an agent that asks one question after the other, and the reads of it, over a worker rig.
import { expect } from "vitest";
import type { Reply, ReplyJson, WorkerRig } from "./worker-rig.js";

export const user = (content: string) => ({ role: "user", content });
export const say = (...messages: object[]) => ({ model: "m", messages, max_tokens: 4096 });
export const message = (answer: Reply) => answer.json.choices[0]?.message as object;

/** A session whose agent asks `questions` one after the other. */
export async function talk(
	rig: WorkerRig,
	...questions: string[]
): Promise<{ id: string; history: object[] }> {
	const id = await rig.create();
	const history: object[] = [];
	for (const question of questions) {
		history.push(user(question));
		const answer = await rig.chat(id, say(...history));
		expect(answer.status, answer.text).toBe(200);
		history.push(message(answer));
	}
	return { id, history };
}

export const collect = (rig: WorkerRig, id: string, body?: object) =>
	rig.request("POST", `/sessions/${id}/samples`, body);

export const read = async (rig: WorkerRig, id: string): Promise<ReplyJson> =>
	(await rig.request("GET", `/sessions/${id}`)).json;
