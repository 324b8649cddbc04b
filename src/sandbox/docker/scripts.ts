// The bash programs that run inside a sandbox: its PID 1, the runner of commands, and what finds and kills processes. Text only.

/** By absolute path: no PATH of an image or of an agent says what our programs are. */
const BASH = "/bin/bash";
/** -p: what is in the environment (BASH_ENV, functions, CDPATH) changes nothing of our programs. */
const BASH_ARGUMENTS = [BASH, "-p", "-c"] as const;

/** On a tmpfs of mode 0700 that only root may enter. */
export const DEADLINE_DIRECTORY = "/run/rollpin";

/**
 * PID 1. $1: when it ends, in microseconds since the epoch, until the deadline's file has another time; whatever else stands in
 * the file changes nothing. It never forks, so that a sandbox full of processes does not end it, and bash reaps whatever orphan
 * dies. The wall clock and the time since boot both end it: one may be set back, the other cannot. Within its own pid namespace
 * no signal without a handler reaches it, and the agent is another user, who may send it none.
 */
const PID_1 = `
LC_ALL=C
trap 'exit 143' TERM
exec {never}<> <(:)
uptime() {
	local seconds
	read -r seconds _ </proc/uptime
	uptime=$((10#\${seconds/./} * 10000))
}
clock() {
	now=\${EPOCHREALTIME/[.,]/}
	[[ $now ]] || printf -v now '%(%s)T000000' -1
}
deadline=$1 planned=
while :; do
	[[ -e ${DEADLINE_DIRECTORY}/deadline ]] && read -r text <${DEADLINE_DIRECTORY}/deadline && [[ $text =~ ^[0-9]{1,18}$ ]] && deadline=$text
	clock
	uptime
	if [[ $planned != "$deadline" ]]; then
		planned=$deadline
		end=$((uptime + deadline - now))
	fi
	((now >= deadline || uptime >= end)) && exit 0
	left=$((deadline - now))
	((left > 500000)) && left=500000
	printf -v nap '%d.%06d' $((left / 1000000)) $((left % 1000000))
	read -rt "$nap" -u "$never"
done
`;

/** As root. $1: the new end, in microseconds since the epoch. */
export const SET_DEADLINE = `printf '%s\\n' "$1" >${DEADLINE_DIRECTORY}/deadline
`;

/**
 * Runs a command as its child. $1: the nonce of its marks, $2: the directory, then the command's argv. Marks on both
 * streams: "begin <its start, in the kernel's ticks since boot>" first, and "end <code> <processes killed for want of memory meanwhile>", before which all of the command's
 * output stands, whoever still holds the streams. The kernel shall rather kill the command than the runner, and the runner than PID 1; and
 * commands get the CPU after PID 1: among 200 busy processes and a tenth of a core it would come to itself seconds too late. What the command sends
 * to its whole process group does not end the runner.
 */
const RUNNER = `
rollpin_nonce=$1 rollpin_directory=$2 rollpin_code=
shift 2
exec {rollpin_err}>&2 2>/dev/null
read -r rollpin_stat </proc/self/stat
rollpin_stat=(\${rollpin_stat##*) })
printf '\\0%s begin %d\\n' "$rollpin_nonce" "\${rollpin_stat[19]}" >&"$rollpin_err"
printf '\\0%s begin %d\\n' "$rollpin_nonce" "\${rollpin_stat[19]}"
echo 500 >/proc/self/oom_score_adj
trap : HUP INT QUIT PIPE ALRM TERM USR1 USR2
count_killed() {
	local key value file
	rollpin_killed=0
	for file in /sys/fs/cgroup/memory.events /sys/fs/cgroup/memory/memory.oom_control; do
		[[ -r $file ]] || continue
		while read -r key value; do [[ $key == oom_kill ]] && rollpin_killed=$value; done <"$file"
		return
	done
}
rollpin_nice=()
for rollpin_file in /usr/bin/nice /bin/nice; do
	[[ -x $rollpin_file ]] && rollpin_nice=("$rollpin_file" -n 19 --)
done
finish() {
	[[ $rollpin_code ]] || {
		rollpin_code=126
		printf 'the command cannot be started: the sandbox has no processes left\\n' >&"$rollpin_err"
	}
	count_killed
	printf '\\0%s end %d %d\\n' "$rollpin_nonce" "$rollpin_code" $((rollpin_killed - rollpin_before)) >&"$rollpin_err"
	printf '\\0%s end %d %d\\n' "$rollpin_nonce" "$rollpin_code" $((rollpin_killed - rollpin_before))
}
trap finish EXIT
count_killed
rollpin_before=$rollpin_killed
(
	trap - EXIT
	echo 1000 >/proc/self/oom_score_adj
	exec 2>&"$rollpin_err" {rollpin_err}>&-
	cd -- "$rollpin_directory" || exit 126
	exec -- "\${rollpin_nice[@]}" "$@"
)
rollpin_code=$?
`;

/**
 * As the agent's user. Kills every process whose environment has the entry $1: frozen first, until no new one appears, so that a
 * fork bomb cannot outrun it.
 */
export const KILL = `
carriers() {
	local path entry
	carriers=()
	for path in /proc/[0-9]*; do
		mapfile -td '' entries 2>/dev/null <"$path/environ" || continue
		for entry in "\${entries[@]}"; do
			[[ $entry == "$1" ]] && { carriers+=("\${path#/proc/}"); break; }
		done
	done
}
for ((round = 0; round < 200; round++)); do
	declare -A frozen=()
	grown=1
	while ((grown)); do
		grown=0
		carriers "$1"
		for pid in "\${carriers[@]}"; do
			[[ \${frozen[$pid]} ]] && continue
			frozen[$pid]=1 grown=1
			kill -STOP "$pid"
		done
	done
	((\${#frozen[@]})) || return 0
	kill -KILL "\${!frozen[@]}"
	read -rt 0.002
done 2>/dev/null
return 1
`;

/**
 * As the agent's user. Prints how many live processes have the entry $1 in their environment, or none that begins with $2, or
 * cannot be looked into. Of those without, only what was started at $3 or later (the start of the command's runner): others belong
 * to an earlier command. And they are counted when they are still there half a second later: the engine's own helpers come and go.
 */
export const SURVIVORS = `
state() {
	local text fields
	read -r text 2>/dev/null <"/proc/$1/stat" || return 1
	fields=(\${text##*) })
	[[ \${fields[0]} != [ZX] ]] || return 1
	started=\${fields[19]}
}
owned_by_root() {
	local key uid
	while read -r key uid _; do [[ $key == Uid: ]] && break; done 2>/dev/null <"/proc/$1/status"
	[[ $uid == 0 ]]
}
look() {
	local path pid entry known
	carrying=0 strays=()
	for path in /proc/[0-9]*; do
		pid=\${path#/proc/}
		((pid == 1 || pid == $$)) && continue
		state "$pid" || continue
		entries=() known=
		mapfile -td '' entries 2>/dev/null <"$path/environ"
		for entry in "\${entries[@]}"; do
			[[ $entry == "$1" ]] && { known=1; ((carrying++)); break; }
			[[ $entry == "$2"* ]] && known=1
		done
		[[ $known ]] && continue
		((started >= $3)) || continue
		owned_by_root "$pid" || strays+=("$pid.$started")
	done
}
look "$@"
first=("\${strays[@]}")
for ((round = 0; round < 5 && \${#strays[@]} > 0; round++)); do
	read -rt 0.1
	look "$@"
done
count=$carrying
for each in "\${first[@]}"; do
	[[ " \${strays[*]} " == *" $each "* ]] && ((count++))
done
echo "$count"
`;

/** The marks around a script of ours, which is the body of a function. */
const ownRunner = (script: string) => `
LC_ALL=C
nonce=$1
shift
printf '\\0%s begin\\n' "$nonce" >&2
printf '\\0%s begin\\n' "$nonce"
work() {
${script}
}
work "$@"
code=$?
printf '\\0%s end %d 0\\n' "$nonce" "$code" >&2
printf '\\0%s end %d 0\\n' "$nonce" "$code"
`;

/** The argv of a sandbox's PID 1. */
export const pid1 = (selfKillUs: number): string[] => [
	...BASH_ARGUMENTS,
	PID_1,
	"rollpin",
	String(selfKillUs),
];

/** The argv that runs a command of a client's. */
export const runnerOf =
	(directory: string, argv: readonly string[]) =>
	(nonce: string): string[] => [...BASH_ARGUMENTS, RUNNER, "rollpin", nonce, directory, ...argv];

/** The argv that runs a script of ours. It never forks: it works where the sandbox is full of processes. Its stdin gives nothing. */
export const scriptOf =
	(script: string, ...args: string[]) =>
	(nonce: string): string[] => [...BASH_ARGUMENTS, ownRunner(script), "rollpin", nonce, ...args];
