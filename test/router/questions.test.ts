// The router's questions to the primary: which of them an answer is for.
import { expect, test } from "vitest";
import { Questions } from "../../src/router/questions.js";

test("each question of several gets its own answer, in whatever order they come, and only once", async () => {
	const questions = new Questions<string>();
	const asked: number[] = [];
	const answers: string[] = [];
	const ask = () => questions.ask((seq) => void asked.push(seq)).then((answer) => void answers.push(answer));
	const all = [ask(), ask()];
	expect(asked).toEqual([1, 2]);
	questions.answered(2, "second");
	await all[1];
	expect(answers).toEqual(["second"]);
	questions.answered(2, "again");
	questions.answered(1, "first");
	await Promise.all(all);
	expect(answers).toEqual(["second", "first"]);
});
