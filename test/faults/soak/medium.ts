// A medium of the data dir's own whose size is changed under the running cluster. Needs the right to mount; fills no memory for it.
import { spawnSync } from "node:child_process";
import { mkdirSync, statfsSync } from "node:fs";

const MIB = 1024 * 1024;
const SIZE_MIB = 4_096;

export class SoakMedium {
	readonly path: string;

	private constructor(path: string) {
		this.path = path;
	}

	/** Null without the right to mount. */
	static mount(path: string): SoakMedium | null {
		mkdirSync(path);
		const { status } = spawnSync("mount", ["-t", "tmpfs", "-o", `size=${SIZE_MIB}m`, "tmpfs", path]);
		return status === 0 ? new SoakMedium(path) : null;
	}

	get usedMib(): number {
		const { bfree, blocks, bsize } = statfsSync(this.path);
		return ((blocks - bfree) * bsize) / MIB;
	}

	/** Makes it as small as what is on it, and so much more. @throws Error when the system refuses */
	leaveFree(mib: number): void {
		this.#resize(Math.ceil(this.usedMib * 1024) + mib * 1024);
	}

	free(): void {
		this.#resize(SIZE_MIB * 1024);
	}

	/** Lazily: a process that is just ending may still have a file of it open. */
	unmount(): void {
		spawnSync("umount", ["--lazy", this.path]);
	}

	#resize(kib: number): void {
		// What is written meanwhile may make it too small to be set.
		for (let more = 0; ; more += 512) {
			const { status, stderr } = spawnSync("mount", ["-o", `remount,size=${kib + more}k`, this.path], {
				encoding: "utf8",
			});
			if (status === 0) return;
			if (more > 16 * 1024) throw new Error(`remount of ${this.path}: ${stderr}`);
		}
	}
}
