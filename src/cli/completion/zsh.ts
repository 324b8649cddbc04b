// The completion of zsh, by its _arguments (https://zsh.sourceforge.io/Doc/Release/Completion-System.html). Pure.
import { type CompletedCommand, type CompletedFlag, quoted } from "./words.js";

export function zshScript(commands: readonly CompletedCommand[]): string {
	return `#compdef rollpin
# zsh completion of rollpin; to use it now: source <(rollpin completion zsh)
_rollpin() {
	local -a commands
	commands=(
${commands.map(({ name, summary }) => `\t\t${quoted(`${name}:${summary}`)}`).join("\n")}
	)
	if (( CURRENT == 2 )); then
		_describe command commands
		return
	fi
	local command=$words[2]
	shift words
	(( CURRENT-- ))
	case $command in
${commands.map(caseOf).join("\n")}
	esac
}
if [[ $funcstack[1] == _rollpin ]]; then
	_rollpin "$@"
else
	compdef _rollpin rollpin
fi
`;
}

function caseOf({ name, values, flags }: CompletedCommand): string {
	const specs = flags.map(specOf);
	if (values.length > 0) specs.unshift(quoted(`1:argument:(${values.join(" ")})`));
	return `\t${name}) _arguments ${specs.join(" ")} ;;`;
}

function specOf({ name, description, value }: CompletedFlag): string {
	const text = `${name}[${description.replace(/[[\]:\\]/g, "\\$&")}]`;
	if (value === null) return quoted(text);
	const action = {
		choices: `(${value.choices.join(" ")})`,
		files: "_files",
		directories: "_files -/",
		anything: "",
	}[value.from];
	return quoted(`${text}:${value.placeholder}:${action}`);
}
