// The text the toy tokenizer learns from: made here from word lists and sentence shapes, the same on every run.
// Must never read a file, a clock or Math.random: one changed byte gives another checkpoint.

const VERBS =
	`accept add align allocate answer append apply ask assert assign attach balance batch begin bind block
branch build cache call cancel carry change check choose clean clear close collect combine commit compare compile
complete compute connect consume continue convert copy correct count crash create decide decode decrease define
delete deliver depend describe detect deploy discard divide drain drop edit emit encode ensure enter estimate
evaluate examine execute expect explain explore export extend extract fail fetch fill filter find finish fix flush
follow forget fork format forward gather generate grade guess handle help hold identify ignore implement import
improve increase index inspect install join keep launch lead learn leave limit list listen load lock log look
lose manage map mark match measure merge monitor move multiply name notice observe open order parse pass patch
pause perform persist pick plan poll predict prepare press print produce propose protect prove publish pull push
query queue raise read rebuild receive record recover reduce refuse reject release reload remember remove rename
render repair repeat replace replay reply report request require reset resolve respond restart restore resume
retry return reverse review reward route run sample save scale scan schedule score search select send separate
serve shard share ship shut sign simplify simulate skip solve sort split start stay stop store stream submit
subtract succeed suggest switch test think throw track train transform translate trim try understand unlock
update upload validate verify visit wait warn watch wrap write`.split(/\s+/);

const NOUNS =
	`account action address advantage agent algorithm allocation answer argument array assistant attempt
average backend balance bandit baseline batch benchmark block body boundary branch browser budget buffer bug byte
cache calculator calendar call candidate capital category cell chain chance change channel character chart
checkpoint child chunk circle city class client clock cluster code column command comment commit company
completion computer condition config connection constant content context control conversation copy corpus cost
counter country cursor customer cycle data database date deadline decision default definition delay department
dependency depth description detail device dictionary difference digit dimension directory distance document
domain edge editor effect element email engine entry environment episode error estimate evaluation event evidence
example exception experiment expression failure feature field figure file filter flag flight folder format
fraction frame function future game gate gradient graph group growth guess handle harness hash header health
height history hotel hour identifier image index information input instance instruction integer interface
interval invoice issue item iteration job journal judge kernel key keyboard label language latency layer ledger
length letter level library limit line link list literal location logic loop machine mailbox manager margin mask
matrix meaning measure memory message method metric minute mirror mistake model module moment month name network
node number object objective observation office offset operation operator optimizer option order output owner
package page pair paper parameter parent parser partition password path pattern payment peer penalty percent
period permission person phase phone picture pipeline place plan player pointer policy pool port position prefix
prefill price primary priority probability problem process product profile program progress project prompt
property proposal protocol proxy purpose quality quantity question queue random range rank rate ratio reader
reason reasoning record region registry relation release replica reply report repository request resource
response restaurant result return review reward role rollout root round router row rule runtime safety sample
sandbox schedule schema school science score screen script search second section seed segment sensor sentence
sequence series server service session setting shape shell signal simulator size snapshot socket solution source
space speed stack stage standard state statement station status step stock storage store story strategy stream
string student subject suffix summary support surface switch symbol system table target task teacher team
template temperature term terminal test text theorem theory thread threshold throughput ticket time timeout
title token tokenizer tool topic total trace traffic trainer training trajectory transaction transport tree
trial trigger truth turn type unit update usage user value variable vector verifier version view vocabulary
volume warning weather website week weight window winner word worker workflow world writer year zone`.split(
		/\s+/,
	);

const ADJECTIVES =
	`able active actual available average bad basic better big bright broken busy careful central
certain cheap clear closed cold common complete complex correct current daily dangerous dark deep different direct
double early easy empty equal exact expensive external fair false familiar fast final fine first fixed free fresh
full future general global good great half happy hard healthy heavy hidden high honest hot huge human important
independent initial internal invalid known large last late left light likely little local long loose low main
major many mean minor missing modern natural necessary negative new next nice normal obvious old online open
ordinary original parallel partial past perfect physical plain popular positive possible powerful private proper
public quick quiet random rare raw ready real recent regular relative reliable remote rich right robust safe
same second secret sensible serious short silent similar simple single slow small smart smooth soft special stable
static steady sticky strange strict strong sudden sure temporary tiny total true typical unique unknown useful
usual valid various visible warm weak whole wide wild wrong young`.split(/\s+/);

const ADVERBS =
	`again almost already also always away carefully certainly clearly early easily even exactly finally
first frequently gently greatly hardly here immediately instead later maybe mostly nearly never next now often once
only perhaps probably quickly quietly quite rather really slowly sometimes soon still then there therefore today
together tomorrow too twice usually very well yesterday`.split(/\s+/);

const PLACES =
	`Amsterdam Athens Beijing Berlin Boston Cairo Chicago Delhi Dublin Geneva Lagos Lima Lisbon London Madrid
Melbourne Mexico Milan Montreal Nairobi Oslo Paris Prague Rome Seattle Seoul Shanghai Singapore Stockholm Sydney Tokyo
Toronto Vienna Warsaw Zurich`.split(/\s+/);

const TOOLS =
	`calculator get_weather search_web read_file write_file run_tests list_files run_python execute_shell
lookup_word send_email convert_units get_time query_database`.split(/\s+/);

const KEYS =
	`name type value content role arguments function parameters properties description required string number
integer boolean object array path query city expression unit limit status result error message code id text model
temperature tokens usage finish_reason tool_calls`.split(/\s+/);

// {v} verb, {n} noun, {a} adjective, {d} adverb, {p} place, {t} tool, {k} key, {#} a number: the next of each list.
const SHAPES = [
	"The {a} {n} {d} has to {v} the {n} before the {n} can {v}.",
	"I'll {v} the {n} with {t}, then {v} what it returns. Let me {v} this step by step.",
	"You are a helpful assistant. You can {v} any {a} {n}; don't {v} the {n} without a {n}.",
	"What is the {n} of {#} and {#}? It's {#}, which is {a}.",
	"Please {v} the {n} in {p}, and {v} {#} {a} {n}s.",
	"First, we {v} the {n}. Second, we {v} its {n}. So the answer is {#}.",
	"If the {n} is {a}, {v} it; otherwise {v} the {a} {n} and {v} {d}.",
	"They're {v}ing the {n}s from {p} because that {n} wasn't {a}.",
	"User: could you {v} the {a} {n} for me? Assistant: Sure, here's the {n}.",
	'{"name": "{t}", "arguments": {"{k}": "{n}", "{k}": {#}}}',
	'{"type": "function", "function": {"name": "{t}", "description": "{v} the {n}", "parameters": {"type": "object"}}}',
	'{"{k}": "{p}", "{k}": [{#}, {#}], "{k}": {"{k}": true, "{k}": null}, "ok": false}',
	'{\n  "{k}": {#},\n  "{k}": "{a} {n}"\n}}',
	"```python\ndef {v}_{n}({n}, {k}=None):\n    for {k} in range({#}):\n        if {n} == {k}:\n            return {k}\n    print({n})\n```",
	"const {n} = await {v}({n}, { {k}: {#} });\nif ({n} !== undefined) {\n\treturn {n}.{k};\n}",
	"$ cd src && ls -la\n$ cat {n}.txt | grep {a} > {n}.log 2>&1",
	"Error: the {n} could not {v} (status {#}): {a} {n}, see https://example.com/{n}/{k}?{k}={#}",
	"- {v} {n}: {#}%\n- {v} {n}: {#}.{#}\n* the {a} one, {d}",
	"In a rollout, an agent will {v} a tool, read the tool response, and {v} the next turn of its session.",
	"# {n}\n\n1. {v} the {n}\n2. {v} it {d}\n\n{#} + {#} = {#}, {#} * {#} = {#}, {#} / {#} - {#}",
];

function cycle(list) {
	let at = 0;
	return () => list[at++ % list.length];
}

/** The whole corpus as one string of `count` filled-in shapes, a line break after each. */
export function toyCorpus(count = 4000) {
	let seed = 7;
	const nextNumber = () => {
		seed = (seed * 1103 + 12_289) % 65_536;
		return String(seed % [10, 100, 1000, 10_000][seed % 4]);
	};
	const next = {
		v: cycle(VERBS),
		n: cycle(NOUNS),
		a: cycle(ADJECTIVES),
		d: cycle(ADVERBS),
		p: cycle(PLACES),
		t: cycle(TOOLS),
		k: cycle(KEYS),
		"#": nextNumber,
	};
	const lines = [];
	for (let at = 0; at < count; at++) {
		const shape = SHAPES[at % SHAPES.length];
		lines.push(shape.replace(/\{([vnadptk#])\}/g, (_, kind) => next[kind]()));
	}
	for (const word of [...VERBS, ...NOUNS, ...ADJECTIVES, ...ADVERBS]) {
		lines.push(`${word[0].toUpperCase()}${word.slice(1)}, "${word}"`);
	}
	return `${lines.join("\n")}\n`;
}
