// `rollpin completion`: prints a shell's completion, made from the table of commands. Asks nobody, and writes to stdout only.
import { EXIT_OK } from "../../base/exit-codes.js";
import { type Command, plainCommand } from "../command.js";
import { print } from "../output.js";

const SHELLS = ["bash", "zsh", "fish"] as const;
type Shell = (typeof SHELLS)[number];

/** @param commands those that are completed, itself among them */
export function completion(commands: () => readonly Command[]): Command {
	return plainCommand({
		name: "completion",
		summary: "print the completion of a shell: bash, zsh or fish",
		description: [
			"Prints what makes a shell complete rollpin's commands, flags and their values.",
			"bash: source <(rollpin completion bash), or into /etc/bash_completion.d/rollpin for everybody.",
			"zsh: source <(rollpin completion zsh) after compinit, or into a file _rollpin of $fpath.",
			"fish: rollpin completion fish > ~/.config/fish/completions/rollpin.fish",
			"Example: source <(rollpin completion bash)",
		].join("\n"),
		argument: {
			name: "shell",
			rule: `one of ${SHELLS.join(", ")}`,
			choices: SHELLS,
			check: (text) => SHELLS.includes(text as Shell),
		},
		options: {},
		async run(_values, shell) {
			const { completedCommands } = await import("../completion/words.js");
			const { bashScript } = await import("../completion/bash.js");
			const { fishScript } = await import("../completion/fish.js");
			const { zshScript } = await import("../completion/zsh.js");
			const scripts = { bash: bashScript, fish: fishScript, zsh: zshScript };
			await print(scripts[shell as Shell](completedCommands(commands())));
			return EXIT_OK;
		},
	});
}
