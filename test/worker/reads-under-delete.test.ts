// What a GET must never do: look whole when the session, or a turn of it, went away while it was read.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RaceRig, startRaceRig } from "../support/race-rig.js";

const user = (content: string) => ({ role: "user", content });
const say = (...messages: object[]) => ({ model: "m", messages, max_tokens: 8 });

describe.each(["memory", "disk"] as const)("over the %s store", (store) => {
	let rig: RaceRig;
	beforeAll(async () => {
		rig = await startRaceRig({ store });
	});
	afterAll(() => rig.close());

	for (const part of ["messages", "prompt", "request", "reply", "completion"]) {
		it(`a DELETE before a GET reads ${part} of its first turn cuts it`, async () => {
			const id = await rig.create();
			const first = await rig.chat(id, say(user("a")));
			const message = first.json.choices[0]?.message as object;
			expect((await rig.chat(id, say(user("a"), message, user("b")))).status).toBe(200);
			const point = rig.points.arm(`${id} before part ${part}`);
			const reading = rig.request("GET", `/sessions/${id}`);
			reading.catch(() => undefined);
			await point.arrived();
			expect((await rig.request("DELETE", `/sessions/${id}`)).status).toBe(204);
			point.open();
			await expect(reading).rejects.toThrow(/closed|terminated|aborted/);
			const after = await rig.request("GET", `/sessions/${id}`);
			expect([after.status, after.json.error?.code]).toEqual([404, "session_deleted"]);
		});
	}
});
