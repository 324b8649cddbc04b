// The bash programs that run inside a sandbox: its PID 1, the runner of commands, and what finds and kills processes. Text only.

/** By absolute path: no PATH of an image or of an agent says what our programs are. */
const BASH = "/bin/bash";
/** -p: what is in the environment (BASH_ENV, functions, CDPATH) changes nothing of our programs. */
export const BASH_ARGUMENTS = [BASH, "-p", "-c"] as const;

/** On a tmpfs of mode 0700 that only root may enter. */
export const DEADLINE_DIRECTORY = "/run/rollpin";

/**
 * PID 1. $1: when it ends, in microseconds since the epoch, until the deadline's file has another time; whatever else stands in
 * the file changes nothing. It never forks, so that a sandbox full of processes does not end it, and bash reaps whatever orphan
 * dies. The wall clock and the time since boot both end it: one may be set back, the other cannot. Within its own pid namespace
 * no signal without a handler reaches it, and the agent is another user, who may send it none.
 */
export const PID_1 = `
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
export const SET_DEADLINE = `printf '%s\\n' "$1" >${DEADLINE_DIRECTORY}/deadline`;

/**
 * Runs a command as its child. $1: the nonce of its marks, $2: the directory, then the command's argv. Marks on both
 * streams: "begin" first, and "end <code> <processes killed for want of memory meanwhile>", before which all of the command's
 * output stands, whoever still holds the streams. The kernel shall rather kill the command than the runner, and the runner than PID 1. What the command sends
 * to its whole process group does not end the runner.
 */
export const RUNNER = `
rollpin_nonce=$1 rollpin_directory=$2
shift 2
exec {rollpin_err}>&2 2>/dev/null
printf '\\0%s begin\\n' "$rollpin_nonce" >&"$rollpin_err"
printf '\\0%s begin\\n' "$rollpin_nonce"
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
count_killed
rollpin_before=$rollpin_killed
(
	echo 1000 >/proc/self/oom_score_adj
	exec 2>&"$rollpin_err" {rollpin_err}>&-
	cd -- "$rollpin_directory" || exit 126
	exec -- "$@"
)
rollpin_code=$?
count_killed
printf '\\0%s end %d %d\\n' "$rollpin_nonce" "$rollpin_code" $((rollpin_killed - rollpin_before)) >&"$rollpin_err"
printf '\\0%s end %d %d\\n' "$rollpin_nonce" "$rollpin_code" $((rollpin_killed - rollpin_before))
`;

/**
 * As the agent's user. Kills every process whose environment has the entry $1: frozen first, until no new one appears, so that a
 * fork bomb cannot outrun it.
 */
export const KILL = `
LC_ALL=C
exec 2>/dev/null {never}<> <(:)
carriers() {
	local path entry
	carriers=()
	for path in /proc/[0-9]*; do
		mapfile -td '' entries <"$path/environ" || continue
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
	((\${#frozen[@]})) || exit 0
	kill -KILL "\${!frozen[@]}"
	read -rt 0.002 -u "$never"
done
exit 1
`;

/**
 * As the agent's user. Prints how many live processes have the entry $1 in their environment, or none that begins with $2, or
 * cannot be looked into. Of those without, only what began at most $3 ms ago: others belong to an earlier command. And they are
 * counted when they are still there half a second later: the engine's own helpers come and go.
 */
export const SURVIVORS = `
LC_ALL=C
exec 2>/dev/null {never}<> <(:)
state() {
	local text fields
	read -r text <"/proc/$1/stat" || return 1
	fields=(\${text##*) })
	[[ \${fields[0]} != [ZX] ]] || return 1
	started=\${fields[19]}
}
owned_by_root() {
	local key uid
	while read -r key uid _; do [[ $key == Uid: ]] && break; done <"/proc/$1/status"
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
		mapfile -td '' entries <"$path/environ"
		for entry in "\${entries[@]}"; do
			[[ $entry == "$1" ]] && { known=1; ((carrying++)); break; }
			[[ $entry == "$2"* ]] && known=1
		done
		[[ $known ]] && continue
		(( (own - started) * 10 <= $3 + 30 )) || continue
		owned_by_root "$pid" || strays+=("$pid.$started")
	done
}
state $$
own=$started
look "$@"
first=("\${strays[@]}")
for ((round = 0; round < 5 && \${#strays[@]} > 0; round++)); do
	read -rt 0.1 -u "$never"
	look "$@"
done
count=$carrying
for each in "\${first[@]}"; do
	[[ " \${strays[*]} " == *" $each "* ]] && ((count++))
done
echo "$count"
`;
