// `rollpin fsck`: checks a data dir, running or not, and says what it finds. Exit code 1 when it is not as it should be.
import { resolve } from "node:path";
import { EXIT_FAILED, EXIT_OK } from "../../base/exit-codes.js";
import { plainCommand } from "../command.js";
import { createFsckProgress, findingText, summaryText } from "../fsck-text.js";
import { onOff, path } from "../option-types.js";

const OPTIONS = {
	dataDir: path({
		group: "What",
		description: "data dir of a stopped or running cluster",
		placeholder: "dir",
		fallback: "./rollpin-data",
	}),
	json: onOff({
		group: "Output",
		description: "one JSON object a line instead of text: the findings, at last the summary",
		fallback: false,
	}),
};

export const fsck = plainCommand({
	name: "fsck",
	summary: "check every byte of a data dir, cluster running or not",
	description: [
		"Reads all that counts of a data dir and checks it: format and launch, owners and ledgers of the partitions, and of",
		"each session every file, frame and checksum. Nothing is repaired or changed, no lock is taken. For each finding it",
		"says what it is, where (file and byte), what can still be exported, and what to do. Damaged: a cluster refuses it.",
		"Harmed: it is served whole, but something was changed. Leftover: files that nobody needs, which are no fault.",
		"Exit codes: 0 all is well, 1 something is damaged or harmed, 2 bad usage, or no data dir of this version.",
	].join("\n"),
	options: OPTIONS,
	async run(values) {
		const { checkDataDir } = await import("../../store/check/check-data-dir.js");
		const dataDir = resolve(values.dataDir);
		const progress = createFsckProgress();
		const say = (line: string): void => {
			progress.clear();
			process.stdout.write(`${line}\n`);
		};
		const result = await checkDataDir(dataDir, {
			found: (finding) => say(values.json ? JSON.stringify(finding) : findingText(finding)),
			progress: progress.show,
		}).finally(progress.clear);
		say(
			values.json ? JSON.stringify({ summary: result }) : summaryText(result, dataDir, progress.elapsedS()),
		);
		return result.damaged + result.harmed === 0 ? EXIT_OK : EXIT_FAILED;
	},
});
