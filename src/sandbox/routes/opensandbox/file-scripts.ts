// The bash programs behind the files of OpenSandbox's clients: they run in the sandbox, as any command of the agent does, so
// that a path can be no more than the agent's own commands could reach. Text only. Exit code 44: there is no such path.

export const NO_SUCH_PATH = 44;
/** The range begins after the end of the file. */
export const NO_SUCH_RANGE = 47;

/**
 * $1: a file. $2, $3: the first and the last byte, or nothing for all. Prints "<size> <first> <count>" and then so many bytes,
 * also when the file grows meanwhile.
 */
export const READ = `
[[ -e $1 ]] || { echo "there is no $1" >&2; exit ${NO_SUCH_PATH}; }
[[ -f $1 ]] || { echo "$1 is no file" >&2; exit 1; }
exec {file}<"$1" || exit 1
size=$(stat -Lc %s "/proc/self/fd/$file") || exit 1
first=\${2:-0} last=\${3:-$((size - 1))}
((last < size)) || last=$((size - 1))
[[ -z $2 ]] || ((first < size)) || exit ${NO_SUCH_RANGE}
printf '%d %d %d\\n' "$size" "$first" $((last - first + 1))
if ((first > 0)); then
	tail -c "+$((first + 1))" <&"$file" | head -c $((last - first + 1))
else
	head -c $((last - first + 1)) <&"$file"
fi
`;

/** stdin: a tar. $1: the directory below which its entries go, with their own permissions. */
export const EXTRACT = `cd -- "$1" && exec tar -xpof -`;

/** stdin: the new bytes of the file $1, which keeps its owner and permissions. */
export const OVERWRITE = `exec cat >"$1"`;

const SET = `
set_permissions() {
	[[ $1 == 0 ]] || chmod -- "$1" "$4" || exit 1
	[[ -z $2$3 ]] || chown -- "$2\${3:+:$3}" "$4" || exit 1
}
`;

/** Arguments by fours: mode in octal (0: as it is), owner, group (nothing: as it is), path. */
export const SET_PERMISSIONS = `
${SET}
while (($#)); do
	[[ -e $4 ]] || { echo "there is no $4" >&2; exit ${NO_SUCH_PATH}; }
	set_permissions "$1" "$2" "$3" "$4"
	shift 4
done
`;

/** Arguments as of SET_PERMISSIONS: directories, made with those above them. */
export const MAKE_DIRECTORIES = `
${SET}
while (($#)); do
	mkdir -p -- "$4" || exit 1
	set_permissions "$1" "$2" "$3" "$4"
	shift 4
done
`;

/** Arguments: files. One that is not there is none to remove. */
export const REMOVE_FILES = `
for path; do
	[[ ! -d $path || -L $path ]] || { echo "$path is a directory" >&2; exit 1; }
	rm -f -- "$path" || exit 1
done
`;

export const REMOVE_DIRECTORIES = `exec rm -rf -- "$@"`;

/** Arguments by twos: from, to. Nothing is replaced. */
export const MOVE = `
while (($#)); do
	[[ -e $1 || -L $1 ]] || { echo "there is no $1" >&2; exit ${NO_SUCH_PATH}; }
	[[ ! -e $2 && ! -L $2 ]] || { echo "$2 is there already" >&2; exit 1; }
	if [[ $2 == */* ]]; then mkdir -p -- "\${2%/*}/" || exit 1; fi
	mv -n -- "$1" "$2" || exit 1
	shift 2
done
`;

/**
 * Prints entries: "<how many>" on a line, a line of facts for each (as FACTS), then their names, a NUL after each. What vanishes
 * meanwhile is left out.
 */
const PRINT = `
print_entries() {
	local facts each
	(($#)) || return 0
	if facts=$(stat -c '%f %s %Y %Z %u %g %U %G' -- "$@" 2>/dev/null); then
		printf '%d\\n%s\\n' $# "$facts"
		printf '%s\\0' "$@"
	elif (($# > 1)); then
		for each; do print_entries "$each"; done
	fi
}
`;

/** Arguments: paths; every one must be there. */
export const PRINT_PATHS = `
${PRINT}
for path; do [[ -e $path || -L $path ]] || { echo "there is no $path" >&2; exit ${NO_SUCH_PATH}; }; done
print_entries "$@"
`;

/**
 * $1: a directory. $2: how deep, 1 for what is in it. $3: a pattern that a name must match, or nothing. $4: not empty for files
 * only. No link is followed.
 */
export const PRINT_TREE = `
shopt -s dotglob nullglob
${PRINT}
[[ -e $1 || -L $1 ]] || { echo "there is no $1" >&2; exit ${NO_SUCH_PATH}; }
[[ -d $1 ]] || { echo "$1 is no directory" >&2; exit 1; }
walk() {
	local each all meant=()
	[[ -r $1 && -x $1 ]] || { echo "$1 cannot be read" >&2; exit 1; }
	all=("\${1%/}"/*)
	for each in "\${all[@]}"; do
		[[ $pattern && \${each##*/} != $pattern ]] && continue
		[[ $files_only && -d $each && ! -L $each ]] || meant+=("$each")
	done
	for ((at = 0; at < \${#meant[@]}; at += 500)); do print_entries "\${meant[@]:at:500}"; done
	(($2 > 1)) || return 0
	for each in "\${all[@]}"; do
		[[ -L $each || ! -d $each ]] || walk "$each" $(($2 - 1))
	done
}
pattern=$3 files_only=$4
walk "$1" "$2"
`;
