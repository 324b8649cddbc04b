// Generated parts of the docs: what they must say, and where they stand between their markers.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ERROR_STATUS, errorType } from "../../src/base/errors.js";
import { ENGINE_METHODS, PATHS, type PathSpec } from "../../src/base/paths.js";
import { envOf, fileKeyOf, flagOf } from "../../src/cli/option-names.js";
import type { OptionSpec } from "../../src/cli/option-types.js";
import { defaultText } from "../../src/cli/option-words.js";
import { OPTION_KEYS, SERVE_OPTIONS } from "../../src/cli/options.js";
import { ruleOf } from "../../src/cli/read-values.js";
import { HEARTBEAT_ROWS } from "../../src/telemetry/heartbeat-fields.js";
import { METRIC_ROWS } from "../../src/telemetry/metrics/table.js";
import { allFamilies } from "../../src/tito/families/registry.js";
import type { Family } from "../../src/tito/family.js";
import { REPOSITORY } from "./run-rollpin.js";

/** The text between `<!-- name:begin -->` and `<!-- name:end -->`, without the newlines next to the markers. */
export function readBlock(file: string, name: string): string {
	const [, rest] = readFileSync(join(REPOSITORY, file), "utf8").split(`<!-- ${name}:begin -->\n`);
	const [block, after] = (rest ?? "").split(`\n<!-- ${name}:end -->`);
	if (block === undefined || after === undefined) throw new Error(`${file} has no block ${name}`);
	return block;
}

/** With UPDATE_DOCS=1 the docs are written instead of compared. */
export function updateBlock(file: string, name: string, content: string): void {
	if (process.env.UPDATE_DOCS !== "1") return;
	const path = join(REPOSITORY, file);
	const old = readBlock(file, name);
	const text = readFileSync(path, "utf8");
	const begin = `<!-- ${name}:begin -->\n`;
	writeFileSync(
		path,
		text.replace(`${begin}${old}`, () => `${begin}${content}`),
	);
}

function cell(text: string): string {
	return text.replaceAll("|", "\\|");
}

export function configurationTables(): string {
	const keys = OPTION_KEYS;
	const groups = [...new Set(keys.map((key) => SERVE_OPTIONS[key].group))];
	return groups
		.map((group) => {
			const rows = keys
				.filter((key) => SERVE_OPTIONS[key].group === group)
				.map((key) => {
					const spec: OptionSpec<unknown> = SERVE_OPTIONS[key];
					const cells = [
						`\`${flagOf(key)}\``,
						`\`${envOf(key)}\``,
						`\`${fileKeyOf(key)}\``,
						ruleOf(key),
						defaultText(spec),
						spec.reloadable === true ? `${spec.description} (SIGHUP)` : spec.description,
					];
					return `| ${cells.map(cell).join(" | ")} |`;
				});
			const head =
				"| flag | environment | file key | value | default | what it does |\n|---|---|---|---|---|---|";
			return `### ${group}\n\n${head}\n${rows.join("\n")}`;
		})
		.join("\n\n");
}

/** Code, status and type of every row of docs/errors.md, in the order of the code. */
export function errorRows(): string[] {
	return Object.entries(ERROR_STATUS).map(
		([code, status]) => `| \`${code}\` | ${status} | ${errorType(status)} |`,
	);
}

/** Every path with its methods, and who answers. */
export function pathTable(): string {
	const rows = Object.entries(PATHS).flatMap(([path, { answeredBy, family, methods }]: [string, PathSpec]) =>
		Object.entries(methods).map(
			([method, does]) =>
				`| ${method} | \`${path}\` | ${family.replace("_", " ")} | ${answeredBy} | ${cell(does)} |`,
		),
	);
	const engine = `| ${ENGINE_METHODS.join(", ")} | \`/sessions/{id}/{path}\` | engine | engine | a path of \`--pass-through\` and what is below \`/v1/models\`: handed on to the engine, bytes untouched |`;
	const head = "| method | path | family | answered by | what it does |\n|---|---|---|---|---|";
	return `${head}\n${[...rows, engine].join("\n")}`;
}

/** Every metric of /metrics. */
export function metricsTable(): string {
	const rows = METRIC_ROWS.map(([name, { by, help, labels = [], type }]) => {
		const all = [...labels, ...(by.length > 1 ? ["role"] : []), ...(by.includes("worker") ? ["worker"] : [])];
		const cells = [
			`\`rollpin_${name}\``,
			type,
			all.map((label) => `\`${label}\``).join(", "),
			by.join(", "),
			help,
		];
		return `| ${cells.map(cell).join(" | ")} |`;
	});
	return `| metric | type | labels | told by | what it says |\n|---|---|---|---|---|\n${rows.join("\n")}`;
}

/** Every figure of a heartbeat. */
export function heartbeatTable(): string {
	const rows = HEARTBEAT_ROWS.map(([name, { from, help, unit }]) => {
		const teller = "process" in from ? "primary, from outside" : "worker";
		return `| ${[`\`${name}\``, unit || "-", teller, help].map(cell).join(" | ")} |`;
	});
	return `| field | unit | measured by | what it says |\n|---|---|---|---|\n${rows.join("\n")}`;
}

/** The facts of every family, as `--tito-model` has them. */
export function familyTable(): string {
	const rows = allFamilies().map((family) => {
		const pins = Object.entries(family.pinnedKwargs).map(([name, value]) => `\`${name}=${value}\``);
		const cells = [
			`\`${family.name}\``,
			PROMPTS[family.prompts.kind],
			pins.join(", ") || "-",
			family.appendRoles.length === 4 ? "all" : family.appendRoles.join(", "),
			boundaryText(family),
			String(family.maxTrimTokens),
		];
		return `| ${cells.map(cell).join(" | ")} |`;
	});
	const head =
		"| family | prompts | pinned kwargs | may be appended | after the stored end | max trim |\n|---|---|---|---|---|---|";
	return `${head}\n${rows.join("\n")}`;
}

const PROMPTS: Record<Family["prompts"]["kind"], string> = {
	checkpoint: "the checkpoint's template",
	template: "Rollpin's template",
	encoder: "Rollpin's encoder",
};

function boundaryText({ boundary }: Family): string {
	if (boundary.kind === "none") return "nothing";
	if (boundary.kind === "newline") return `a newline after \`${boundary.after}\``;
	return `${boundary.tokens.map((token) => `\`${token}\``).join(" or ")} goes`;
}
