// The completion of fish (https://fishshell.com/docs/current/completions.html). Pure.
import { type CompletedCommand, type CompletedFlag, quoted } from "./words.js";

export function fishScript(commands: readonly CompletedCommand[]): string {
	const names = commands.map(({ name }) => name).join(" ");
	const lines = commands.flatMap(({ name, summary, values, flags }) => {
		const within = `complete -c rollpin -n ${quoted(`__fish_seen_subcommand_from ${name}`)}`;
		return [
			`complete -c rollpin -n ${quoted(`not __fish_seen_subcommand_from ${names}`)} -a ${name} -d ${textOf(summary)}`,
			...(values.length === 0 ? [] : [`${within} -a ${quoted(values.join(" "))}`]),
			...flags.map((flag) => `${within} ${flagText(flag)}`),
		];
	});
	return `# fish completion of rollpin; to use it now: rollpin completion fish | source
complete -c rollpin -f
${lines.join("\n")}
`;
}

function flagText({ name, description, value }: CompletedFlag): string {
	const text = `-l ${name.slice(2)} -d ${textOf(description)}`;
	if (value === null) return text;
	switch (value.from) {
		case "choices":
			return `${text} -x -a ${quoted(value.choices.join(" "))}`;
		case "files":
			return `${text} -r -F`;
		case "directories":
			return `${text} -x -a '(__fish_complete_directories)'`;
		case "anything":
			return `${text} -x`;
	}
}

/** Fish reads a backslash in single quotes as an escape. */
function textOf(text: string): string {
	return quoted(text.replaceAll("\\", "\\\\"));
}
