// Files of a sandbox's workspace as tar streams, through tar inside: what is put into a tmpfs by the engine's own archive call never arrives.
import { RollpinError } from "../../base/errors.js";
import { WORKSPACE } from "./container-spec.js";
import { type Engine, unavailable } from "./engine.js";
import { bounded, OWN_ENTRY, runInside } from "./inside.js";
import { Run } from "./run.js";
import { runnerOf } from "./scripts.js";

const NO_SUCH_PATH = 44;

export async function putTar(
	engine: Engine,
	id: string,
	user: string,
	tar: AsyncIterable<Uint8Array>,
	signal: AbortSignal,
): Promise<void> {
	const argv = runnerOf(WORKSPACE, ["tar", "-xf", "-"]);
	const { exitCode, stderr } = await runInside(engine, id, { argv, user, stdin: tar }, signal);
	if (exitCode === 127) throw noTar(id, stderr);
	if (exitCode !== 0)
		throw new RollpinError("invalid_request", `the tar cannot be extracted: ${stderr.trim()}`);
}

export async function* getTar(
	engine: Engine,
	id: string,
	user: string,
	path: string,
	signal: AbortSignal,
): AsyncIterable<Uint8Array> {
	const script = `[[ -e ./$1 || -L ./$1 ]] || exit ${NO_SUCH_PATH}; exec tar -cf - -- "$1"`;
	const argv = runnerOf(WORKSPACE, ["/bin/bash", "-p", "-c", script, "rollpin", path]);
	const inside = { argv, user, env: [OWN_ENTRY], withStdin: false };
	const run = await Run.start(engine, id, inside, signal);
	const stop = () => run.detach();
	signal.addEventListener("abort", stop);
	try {
		let stderr = "";
		const output = run.output();
		for (;;) {
			const next = await output.next();
			signal.throwIfAborted();
			if (next.done === true) {
				const { exitCode } = next.value;
				if (exitCode === NO_SUCH_PATH) {
					throw new RollpinError("sandbox_path_not_found", `there is no ${path} in sandbox ${id}`);
				}
				if (exitCode === 127) throw noTar(id, stderr);
				if (exitCode !== 0) throw unavailable(`tar of ${path} in ${id} failed: ${stderr.trim()}`);
				return;
			}
			if (next.value.stream === "stdout") yield next.value.bytes;
			else stderr = bounded(stderr, next.value.bytes);
		}
	} finally {
		signal.removeEventListener("abort", stop);
		run.detach();
	}
}

function noTar(id: string, stderr: string): RollpinError {
	return new RollpinError(
		"image_unavailable",
		`the image of sandbox ${id} has no tar, which files need: ${stderr.trim()}`,
	);
}
