// A session as text: every turn, every count; nothing that a client or a model wrote reaches the terminal as it is.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { messageLines } from "../../src/console/message-lines.js";
import { isSound, type SessionTurns, sessionView, type TurnView } from "../../src/console/session-view.js";
import { widthOf } from "../../src/console/text-width.js";

const turn = (more: Partial<TurnView> = {}): TurnView => ({
	turn: 0,
	parent: null,
	status: "committed",
	finish_reason: "stop",
	timestamp: 1001.5,
	request_timestamp: 1000,
	kept: 0,
	trimmed: 0,
	appended: 12,
	sampled: 5,
	stop_join: false,
	messages: [{ role: "user", content: "hello" }],
	answer: { role: "assistant", content: "hi" },
	...more,
});
const session = (...turns: TurnView[]): SessionTurns => ({
	session_id: "s",
	turns,
	metadata: {
		history: { rollbacks: 0, refused: 0, branches: 0, last: null },
		tito_session_mismatch: [],
	},
	session: {
		worker: 1,
		turns: turns.length,
		tokens: 17,
		created_at: 940,
		expires_at: 4600,
		in_flight: 0,
		running: 0,
		mode: "linear",
		message_matcher: "echo",
		metadata: null,
	},
});
const plain = { columns: 80, full: false, colours: false };
const view = (of: SessionTurns, more: Partial<typeof plain> = {}) =>
	sessionView(of, { ...plain, ...more }, 1000).split("\n");

describe("a session", () => {
	it("has a head, its turns with their counts and messages, and the mismatch report", () => {
		expect(view(session(turn()))).toEqual([
			"session s: idle, 1 turn, 17 tokens",
			"worker 1, linear, matcher echo, 1m 0s old, ends in 1h 0m",
			"",
			"turn 0: stop, 1.5 s; kept 0, appended 12, sampled 5",
			"  user       hello",
			"  assistant  hi",
			"",
			"mismatch report: empty; a render of the whole gives the same tokens",
		]);
	});

	it("says which turns were replaced or aborted, where a path goes on, and what was trimmed and closed", () => {
		const of = session(
			turn(),
			turn({ turn: 1, parent: 0, status: "superseded" }),
			turn({ turn: 2, parent: 0, kept: 16, trimmed: 1, stop_join: true }),
			turn({ turn: 3, status: "provisional", finish_reason: null }),
		);
		of.metadata.history = {
			rollbacks: 1,
			refused: 2,
			branches: 0,
			last: { kind: "retry", at: 980, turn: 1, path: "messages[3]" },
		};
		const lines = view(of);
		expect(lines[2]).toBe("1 rollback, 2 refused, 0 branches; last: retry of turn 1 at messages[3], 20s ago");
		expect(lines.filter((line) => line.startsWith("turn "))).toEqual([
			"turn 0: stop, 1.5 s; kept 0, appended 12, sampled 5",
			"turn 1, SUPERSEDED by a retry: stop, 1.5 s; kept 0, appended 12, sampled 5",
			"turn 2, after turn 0: stop, 1.5 s; kept 16, trimmed 1, appended 12, sampled 5, closed the answer before it",
			"turn 3, PROVISIONAL, a beginning: no finish reason, 1.5 s; kept 0, appended 12, sampled 5",
		]);
	});

	it("names each mismatch, and only what is no assistant's own spelling is a problem", () => {
		const found = { segment_index: 3, expected_text: "a", actual_text: "b\n", detail: "" };
		const of = session(turn({ finish_reason: "length" }));
		of.metadata.tito_session_mismatch = [{ ...found, type: "assistant_text" }];
		expect(view(of).slice(-3)).toEqual([
			"mismatch assistant_text in segment 3: the model's own spelling; kept as sampled, no fault",
			"  rendered: a",
			"  recorded: b\\n",
		]);
		expect(isSound(of)).toBe(true);
		of.metadata.tito_session_mismatch = [{ ...found, type: "special_token_type", detail: "odd" }];
		expect(view(of).slice(-4, -2)).toEqual([
			"an answer was cut by length: its end token is missing, so boundary tokens differ, whatever the family",
			"PROBLEM mismatch special_token_type in segment 3: odd",
		]);
		expect(isSound(of)).toBe(false);
		delete of.metadata.tito_session_mismatch;
		of.metadata.tito_mismatch_error = "no";
		expect([isSound(of), view(of).at(-1)]).toEqual([false, "PROBLEM no mismatch report: no"]);
		expect([isSound(session()), view(session()).at(-1)]).toEqual([true, "no turn yet"]);
	});

	it("is shortened to the terminal, or whole, line by line", () => {
		const of = session(turn({ messages: [{ role: "user", content: `first\n${"x".repeat(100)}` }] }));
		expect(view(of)[4]).toBe(`  user       first\\n${"x".repeat(80 - 13 - 7 - 1)}…`);
		expect(view(of, { full: true }).slice(4, 6)).toEqual([
			"  user       first",
			`             ${"x".repeat(100)}`,
		]);
	});
});

describe("its tokens", () => {
	const spans = [
		{ kind: "prompt", ids: [1, 2, 3], text: "<|im_start|>user\nhi" },
		{ kind: "sampled", ids: [4], text: "yes\u001b[2J\n" },
	];

	it("are marked by their kind without colours; a line feed is shown and ends the line", () => {
		expect(view(session(turn({ spans }))).slice(4, 9)).toEqual([
			"  prompt 3",
			"  prompt  | <|im_start|>user\\n",
			"  prompt  | hi",
			"  sampled 1",
			"  sampled | yes\\e[2J\\n",
		]);
	});

	it("have the colour of their kind on a terminal, which ends with each line", () => {
		const lines = view(session(turn({ spans })), { colours: true }).slice(4, 9);
		expect(lines).toEqual([
			"\u001b[2m  prompt 3\u001b[0m",
			"\u001b[2m  <|im_start|>user\\n\u001b[0m",
			"\u001b[2m  hi\u001b[0m",
			"\u001b[32m  sampled 1\u001b[0m",
			"\u001b[32m  yes\\e[2J\\n\u001b[0m",
		]);
	});

	it("of many lines show their beginning and end, or all of them", () => {
		const text = Array.from({ length: 20 }, (_, at) => `line ${at}`).join("\n");
		const of = session(turn({ spans: [{ kind: "injected", ids: [1], text }] }));
		const shortened = view(of).filter((line) => line.includes("injected|"));
		expect(shortened).toHaveLength(9);
		expect(shortened[4]).toBe("  injected| … 12 more lines (--full) …");
		expect(view(of, { full: true }).filter((line) => line.includes("injected|"))).toHaveLength(20);
	});
});

describe("a message", () => {
	it.each<[unknown, Array<[string, string]>]>([
		[{ role: "user", content: "text" }, [["user", "text"]]],
		[
			{ role: "user", content: [{ type: "text", text: "a" }, { type: "image_url" }, "b"] },
			[["user", "a[image_url]b"]],
		],
		[
			{
				role: "assistant",
				content: null,
				reasoning_content: "hm",
				tool_calls: [
					{ function: { name: "f", arguments: '{"a":1}' } },
					{ name: "g", arguments: { b: 2 } },
					7,
				],
			},
			[
				["assistant", "(thinks) hm"],
				["", '(calls) f {"a":1}'],
				["", '(calls) g {"b":2}'],
				["", "(calls) 7"],
			],
		],
		[{ role: 5 }, [["?", "(nothing)"]]],
		["odd", [["?", '"odd"']]],
		[null, [["?", "null"]]],
	])("%j", (message, lines) => {
		expect(messageLines(message).map(({ label, text }) => [label, text])).toEqual(lines);
	});
});

it("whatever a session holds, no line moves the terminal, and no line of a shortened view is too long", () => {
	const hostile = fc.oneof(
		fc.string({ unit: "binary" }),
		fc.constantFrom("\u001b[2J", "\u009b1A", "\u202e", "a\nb", "\u0007", "漢".repeat(60)),
	);
	const value = fc.oneof(hostile, fc.jsonValue(), fc.record({ role: hostile, content: hostile }));
	// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
	const controls = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/;
	fc.assert(
		fc.property(value, hostile, hostile, fc.boolean(), (message, text, name, full) => {
			const of = session(
				turn({ messages: [message], answer: { role: name, content: text } }),
				turn({ finish_reason: name, status: name, spans: [{ kind: name, ids: [1], text }] }),
			);
			of.session_id = name;
			of.session.metadata = { [name]: text };
			of.session.mode = name;
			of.metadata.history.last = { kind: name, at: 0, turn: 1, path: text };
			of.metadata.tito_session_mismatch = [
				{ type: name, segment_index: 0, expected_text: text, actual_text: text, detail: text },
			];
			const shown = sessionView(of, { ...plain, full }, 1000);
			expect(shown).not.toMatch(controls);
			if (!full) {
				for (const line of shown.split("\n").filter((each) => /^ {2}|^metadata/.test(each)))
					expect(widthOf(line)).toBeLessThanOrEqual(80);
			}
		}),
	);
});
