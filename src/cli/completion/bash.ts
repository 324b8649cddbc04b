// The completion of bash, 4.0 or newer (https://www.gnu.org/software/bash/manual/html_node/Programmable-Completion.html). Pure.
import { type CompletedCommand, quoted } from "./words.js";

export function bashScript(commands: readonly CompletedCommand[]): string {
	const names = [...commands.map(({ name }) => name), "--help", "--version"];
	const flags = commands.flatMap(({ name, flags: own }) =>
		own.flatMap(({ name: flag, value }) => (value === null ? [] : [{ key: `${name} ${flag}`, ...value }])),
	);
	const keysOf = (from: string) => flags.filter((flag) => flag.from === from).map(({ key }) => quoted(key));
	const choices = flags.filter(({ from }) => from === "choices");
	return `# bash completion of rollpin; to use it now: source <(rollpin completion bash)
_rollpin() {
	local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} command= words= i
	COMPREPLY=()
	# --flag=value are three words to bash.
	if [[ $cur == "=" ]]; then cur=
	elif [[ $prev == "=" ]]; then prev=\${COMP_WORDS[COMP_CWORD-2]}
	fi
	for ((i = 1; i < COMP_CWORD; i++)); do
		if [[ \${COMP_WORDS[i]} != -* ]]; then command=\${COMP_WORDS[i]}; break; fi
	done
	if [[ -z $command ]]; then
		COMPREPLY=($(compgen -W ${quoted(names.join(" "))} -- "$cur"))
		return
	fi
	case "$command $prev" in
${choices.map(({ key, choices: own }) => `\t${quoted(key)}) words=${quoted(own.join(" "))} ;;`).join("\n")}
	${keysOf("files").join("|")}) compopt -o filenames; COMPREPLY=($(compgen -f -- "$cur")); return ;;
	${keysOf("directories").join("|")}) compopt -o filenames; COMPREPLY=($(compgen -d -- "$cur")); return ;;
	${keysOf("anything").join("|")}) return ;;
	*)
		case $command in
${commands
	.map(
		({ name, values, flags: own }) =>
			`\t\t${name}) words=${quoted([...values, ...own.map((flag) => flag.name)].join(" "))} ;;`,
	)
	.join("\n")}
		esac ;;
	esac
	COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -F _rollpin rollpin
`;
}
