// The text a person reads when the cluster is up: lines that can be pasted as they are.
import { describe, expect, it } from "vitest";
import { welcomeText } from "../../src/cli/welcome.js";

const WELCOME = { url: "http://127.0.0.1:8080", backends: 4, simulated: true, authTokenFile: null };

function curlLines(text: string): string[] {
	return text.split("\n").filter((line) => line.includes("curl "));
}

describe("the welcome", () => {
	it("gives one line each to create, chat and read back, at the real address", () => {
		const lines = curlLines(welcomeText(WELCOME));
		expect(lines).toHaveLength(3);
		expect(lines[0]).toContain("-X POST http://127.0.0.1:8080/sessions ");
		expect(lines[1]).toContain("http://127.0.0.1:8080/sessions/$id/v1/chat/completions");
		expect(lines[2]).toMatch(/http:\/\/127\.0\.0\.1:8080\/sessions\/\$id$/);
	});

	it("says loudly that the engine is simulated, and only then", () => {
		expect(welcomeText(WELCOME)).toMatch(/SIMULATED.*noise.*--upstream and --checkpoint/);
		expect(welcomeText({ ...WELCOME, simulated: false })).not.toMatch(/SIMULATED/);
	});

	it("quotes the token from its file in every line and never the token itself", () => {
		const lines = curlLines(welcomeText({ ...WELCOME, authTokenFile: "/run/token" }));
		for (const line of lines) expect(line).toContain('-H "authorization: Bearer $(cat /run/token)"');
	});
});
