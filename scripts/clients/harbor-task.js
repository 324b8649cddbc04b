// A task for harbor whose solution is a shell script: no model is needed. Written into a directory, and the links of its image.
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

const FILES = {
	"task.toml": (image) =>
		`version = "1.0"\n[environment]\ndocker_image = "${image}"\ncpus = 1\nmemory_mb = 256\n[agent]\ntimeout_sec = 60\n[verifier]\ntimeout_sec = 60\n`,
	"instruction.md": () => "Write the word done into /workspace/done.txt.\n",
	"environment/README": () => "The image is made beforehand.\n",
	"solution/solve.sh": () => "#!/bin/bash\necho done >/workspace/done.txt\n",
	"tests/test.sh": () =>
		'#!/bin/bash\nreward=0\n[[ $(</workspace/done.txt) == done ]] && reward=1\necho "$reward" >/logs/verifier/reward.txt\n',
};

export function writeTask(dir, image) {
	for (const [name, textOf] of Object.entries(FILES)) {
		const path = join(dir, name);
		mkdirSync(dirname(path), { recursive: true });
		writeFileSync(path, textOf(image));
		if (name.endsWith(".sh")) chmodSync(path, 0o755);
	}
}

/** Where harbor writes, as links into the one place of a sandbox that can be written to; and the Dockerfile that copies them. */
export function writeImageContext(dir, base) {
	const links = join(dir, "links");
	mkdirSync(links, { recursive: true });
	for (const name of ["logs", "tests", "solution"]) symlinkSync("/workspace", join(links, name));
	writeFileSync(join(dir, "Dockerfile"), `FROM ${base}\nCOPY links/ /\n`);
}
