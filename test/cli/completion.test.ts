// Completions as real shells take them: the printed script is loaded, and asked for words as a Tab would.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { COMMANDS } from "../../src/cli/commands.js";
import { bashScript } from "../../src/cli/completion/bash.js";
import { fishScript } from "../../src/cli/completion/fish.js";
import { completedCommands } from "../../src/cli/completion/words.js";
import { zshScript } from "../../src/cli/completion/zsh.js";
import { flagOf } from "../../src/cli/option-names.js";
import { runRollpin } from "../support/run-rollpin.js";

const words = completedCommands(COMMANDS);
let dir: string;
beforeAll(() => {
	dir = mkdtempSync(join(tmpdir(), "rollpin-completion-"));
	writeFileSync(join(dir, "rollpin.bash"), bashScript(words));
	writeFileSync(join(dir, "rollpin.fish"), fishScript(words));
	writeFileSync(join(dir, "_rollpin"), zshScript(words));
	writeFileSync(join(dir, "token.txt"), "");
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function isThere(shell: string): boolean {
	try {
		execFileSync(shell, ["-c", "exit"], { stdio: "ignore" });
		return true;
	} catch {
		return false;
	}
}

/** What each line completes to; the last word is the one at the cursor. Words are spelled as bash splits them. */
const LINES: ReadonlyArray<[string[], (found: string[]) => void]> = [
	[
		["rollpin", ""],
		(found) => expect(found).toEqual(expect.arrayContaining([...COMMANDS.map(({ name }) => name), "help"])),
	],
	[["rollpin", "dr"], (found) => expect(found).toEqual(["drain"])],
	[["rollpin", "drain", "--w"], (found) => expect(found).toEqual(["--worker"])],
	[
		["rollpin", "sessions", "--sort", ""],
		(found) => expect(found.toSorted()).toEqual(["age", "tokens", "turns"]),
	],
	[["rollpin", "sessions", "--sort", "to"], (found) => expect(found).toEqual(["tokens"])],
	[["rollpin", "completion", "z"], (found) => expect(found).toEqual(["zsh"])],
	[["rollpin", "help", "exp"], (found) => expect(found).toEqual(["export"])],
	[["rollpin", "top", "--auth-token-file", "tok"], (found) => expect(found).toEqual(["token.txt"])],
	[["rollpin", "top", "--interval", ""], (found) => expect(found).toEqual([])],
];

describe.skipIf(!isThere("bash"))("bash (skipped where it is not installed)", () => {
	const ask = (line: string[]) => {
		const program = `source ./rollpin.bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _rollpin 2>/dev/null; printf '%s\\n' "\${COMPREPLY[@]}"`;
		const text = execFileSync("bash", ["-c", program, "bash", ...line], { cwd: dir, encoding: "utf8" });
		return text.split("\n").filter((word) => word !== "");
	};

	it.each(LINES)("%j", (line, check) => check(ask(line)));

	it("takes --flag=value, which are three words to it", () => {
		expect(ask(["rollpin", "sessions", "--sort", "="]).toSorted()).toEqual(["age", "tokens", "turns"]);
		expect(ask(["rollpin", "sessions", "--sort", "=", "tu"])).toEqual(["turns"]);
	});

	it("knows every command and every flag", () => {
		for (const { name, options } of COMMANDS) {
			const found = ask(["rollpin", name, "--"]);
			expect(found, name).toEqual(expect.arrayContaining([...Object.keys(options).map(flagOf), "--help"]));
		}
	});
});

describe.skipIf(!isThere("fish"))("fish (skipped where it is not installed)", () => {
	const ask = (line: string[]) => {
		const program = `source rollpin.fish; complete -C ${JSON.stringify(line.join(" "))}`;
		const env = { ...process.env, HOME: dir, XDG_CONFIG_HOME: dir, XDG_DATA_HOME: dir };
		const text = execFileSync("fish", ["--no-config", "-c", program], { cwd: dir, env, encoding: "utf8" });
		return text.split("\n").flatMap((each) => each.split("\t")[0] || []);
	};

	it.each(LINES)("%j", (line, check) => check(ask(line)));
});

describe.skipIf(!isThere("zsh"))("zsh (skipped where it is not installed)", () => {
	/** Completes in a real interactive shell on a pseudo terminal of zsh's own; what it offers is printed by a hook of compadd. */
	const ask = (line: string[]) => {
		const program = `
zmodload zsh/zpty
zpty shell 'zsh -f -i'
zpty -w shell 'PS1= PS2=; unsetopt zle_bracketed_paste 2>/dev/null; autoload -Uz compinit; compinit -u -d $PWD/dump; source ./_rollpin'
zpty -w shell 'compadd() { local -a hits; if [[ "$*" == *-D* || "$*" == *-O* ]]; then builtin compadd "$@"; else builtin compadd -O hits "$@"; print -r -- "HIT:\${(j:|:)hits}:TIH"; builtin compadd "$@"; fi }'
zpty -w shell 'show() { zle complete-word; print -r -- DO"NE"; }; zle -N show; bindkey "^T" show; print -r -- RE"ADY"'
local out chunk
while [[ $out != *READY* ]]; do zpty -r shell chunk || exit 1; out+=$chunk; done
zpty -w -n shell "$1"$'\\C-t'
out=
while [[ $out != *DONE* ]]; do zpty -r shell chunk || exit 1; out+=$chunk; done
print -r -- $out
zpty -d shell`;
		const env = { ...process.env, HOME: dir, ZDOTDIR: dir, TERM: "dumb" };
		const text = execFileSync("zsh", ["-f", "-c", program, "zsh", line.join(" ")], {
			cwd: dir,
			env,
			encoding: "utf8",
			timeout: 20_000,
		});
		return [...text.matchAll(/HIT:(.*?):TIH/g)]
			.flatMap(([, hits = ""]) => hits.split("|"))
			.filter((hit) => hit !== "");
	};

	it.each(LINES)("%j", (line, check) => check(ask(line)));
});

it("rollpin completion prints them, and refuses a shell that it does not know", async () => {
	expect((await runRollpin(["completion", "bash"])).stdout).toBe(bashScript(words));
	const { code, stderr } = await runRollpin(["completion", "tcsh"]);
	expect([code, stderr]).toEqual([2, 'rollpin: <shell> "tcsh": must be one of bash, zsh, fish\n']);
});
