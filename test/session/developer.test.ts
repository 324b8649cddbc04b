// A developer message that comes later in a session: taken where the template shows it as a system message, or knows it.
import { describe, expect, it } from "vitest";
import { ChatTemplate } from "../../src/jinja/template.js";
import type { JsonObject } from "../../src/json/value.js";
import type { RequestMessages } from "../../src/session/path/request-messages.js";
import { checkAppended } from "../../src/session/place/attach.js";
import { PromptRenderer } from "../../src/tito/renderer.js";
import { message, toyTito } from "../tito/toy.js";

const developer = message("developer", "Be brief from now on.");
/** As many messages of a request as the check looks at. */
const sent = (...messages: JsonObject[]) =>
	({ count: messages.length, value: (index: number) => messages[index] }) as unknown as RequestMessages;

async function suffix(titoModel: string, appended: JsonObject): Promise<string> {
	const tito = await toyTito({ titoModel });
	const request = sent(message("user", "hi"), message("assistant", "hello"), appended);
	checkAppended(request, 2, tito);
	const ids = await tito.encodeSuffix({
		lastAssistant: request.value(1),
		appended: [appended],
		tools: undefined,
		kwargs: tito.effectiveKwargs(undefined),
	});
	return tito.decode(ids);
}

describe("A later developer message", () => {
	it.each(["qwen3", "qwennext"])("of family %s has the ids of the same system message", async (titoModel) => {
		const system = message("system", "Be brief from now on.");
		expect(await suffix(titoModel, developer)).toBe(await suffix(titoModel, system));
	});

	it("keeps its role where the template has a place for it", async () => {
		expect(await suffix("default", developer)).toBe(
			"<|im_start|>developer\nBe brief from now on.<|im_end|>\n<|im_start|>assistant\n",
		);
	});

	it.each(["qwen35", "qwen36", "qwen4exp"])(
		"of family %s is refused like a later system message",
		async (titoModel) => {
			await expect(suffix(titoModel, developer)).rejects.toThrow(
				expect.objectContaining({ code: "role_not_appendable", param: "messages[2].role" }),
			);
		},
	);
});

describe("A template that knows developer as the first message only", () => {
	const FIRST_ONLY =
		"{% for m in messages %}{% if loop.first and m.role == 'developer' %}[system {{ m.content }}]" +
		"{% elif m.role in ['system', 'user', 'assistant'] %}[{{ m.role }} {{ m.content }}]{% else %}{{ m.content }}{% endif %}{% endfor %}";

	it("gets it as system, so that a later one does not stand outside of every turn", () => {
		const renderer = new PromptRenderer(new ChatTemplate(FIRST_ONLY), new Map());
		expect(renderer.shownRole("developer")).toBe("system");
		const messages = [message("user", "hi"), message("assistant", "hello"), developer];
		const text = renderer.prompt({ messages, tools: undefined, kwargs: new Map() });
		expect(text).toBe("[user hi][assistant hello][system Be brief from now on.]");
	});
});
