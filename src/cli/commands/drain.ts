// `rollpin drain` and `rollpin undrain`: whether a worker gets new sessions. Its own sessions are never touched.
import { EXIT_OK } from "../../base/exit-codes.js";
import { readClient } from "../client-options.js";
import { type Command, plainCommand } from "../command.js";
import { clientSurroundings } from "../machine.js";
import { integer } from "../option-types.js";
import { print } from "../output.js";
import { VERB_OPTIONS } from "../verb-options.js";

const OPTIONS = {
	worker: integer({
		group: "Worker",
		description: "its index, as rollpin top and GET /cluster have it",
		min: 0,
		max: 63,
		fallback: null,
		defaultText: "",
		required: true,
	}),
	...VERB_OPTIONS,
};

export const drain = command("drain", "give a worker no new sessions; those that it has go on", true, [
	"New sessions go to the other workers from now on. The sessions that the worker has go on, whatever they do. It stays so",
	"when the worker's process is replaced, and ends with undrain or the cluster. A chat under an id that its client made up",
	"still makes its session on the worker that the id belongs to: no other may.",
	"Exit codes: 0 done, 1 no such worker, 2 bad usage or no cluster.",
	"Example: rollpin drain --worker 2",
]);

export const undrain = command("undrain", "give a drained worker new sessions again", false, [
	"Ends what rollpin drain began.",
	"Exit codes: 0 done, 1 no such worker, 2 bad usage or no cluster.",
	"Example: rollpin undrain --worker 2",
]);

function command(name: string, summary: string, wanted: boolean, description: readonly string[]): Command {
	return plainCommand({
		name,
		summary,
		description: description.join("\n"),
		options: OPTIONS,
		async run(values) {
			const { ClusterClient } = await import("../../console/cluster-client.js");
			const { printableJson } = await import("../../console/printable.js");
			const { drainText, setDrain } = await import("../../console/worker-drain.js");
			const client = new ClusterClient(readClient(values, clientSurroundings()));
			const result = await setDrain(client, values.worker ?? 0, wanted);
			await print(`${values.json ? printableJson(result) : drainText(result)}\n`);
			return EXIT_OK;
		},
	});
}
