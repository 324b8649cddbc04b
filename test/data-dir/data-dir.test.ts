// The data dir: created once, refused when it isn't ours, one cluster at a time, epochs that only grow.
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ConfigError } from "../../src/base/errors.js";
import { prepareDataDir } from "../../src/data-dir/data-dir.js";
import { within } from "../support/wait.js";

let parent: string;
let path: string;
beforeEach(async () => {
	parent = await mkdtemp(join(tmpdir(), "rollpin-data-dir-"));
	path = join(parent, "deep", "data");
});
afterEach(() => rm(parent, { recursive: true, force: true }));

const lock = () => join(path, "lock");

describe("prepareDataDir", () => {
	it("creates a directory that only its owner may enter, and finds it again", async () => {
		const first = await prepareDataDir(path);
		expect((await stat(path)).mode & 0o777).toBe(0o700);
		expect(JSON.parse(await readFile(join(path, "format.json"), "utf8"))).toEqual({
			format: 3,
			partitions: 64,
		});
		await first.release();
		await chmod(path, 0o755);
		await (await prepareDataDir(path)).release();
		expect((await stat(path)).mode & 0o777).toBe(0o700);
	});

	it("takes the root of a fresh volume, with its lost+found", async () => {
		await mkdir(join(path, "lost+found"), { recursive: true });
		await (await prepareDataDir(path)).release();
		await (await prepareDataDir(path)).release();
	});

	it("goes on where a first start was killed before it wrote the format down, but never over data", async () => {
		// The first partitions are made, the next one in part.
		for (const [name, owner] of [
			["00", "unowned\n"],
			["01", "unow"],
			["02", ""],
		] as const) {
			await mkdir(join(path, "partitions", name, "sessions"), { recursive: true });
			await writeFile(join(path, "partitions", name, "owner"), owner);
		}
		await mkdir(join(path, "partitions", "03"));
		await writeFile(join(path, "format.json.1.aa.tmp"), "");
		await (await prepareDataDir(path)).release();
		expect(await readFile(join(path, "format.json"), "utf8")).toContain('"format":3');
		const made = await readdir(join(path, "partitions"));
		expect(made).toHaveLength(64);
		for (const name of made) {
			expect((await readdir(join(path, "partitions", name))).sort()).toEqual(["owner", "sessions"]);
			expect(await readFile(join(path, "partitions", name, "owner"), "utf8")).toMatch(/^unowned\n+$/);
		}
		for (const [name, text] of [
			["00/sessions/a.1-1", ""],
			["01/ledger.1-1", ""],
			["02/owner", "rollpown"],
			["thesis", "x"],
		] as const) {
			await rm(join(path, "format.json"));
			const before = await readFile(join(path, "partitions", name), "utf8").catch(() => null);
			await writeFile(join(path, "partitions", name), text);
			await expect(prepareDataDir(path)).rejects.toThrow("neither empty nor a data dir");
			if (before === null) await rm(join(path, "partitions", name));
			else await writeFile(join(path, "partitions", name), before);
			await (await prepareDataDir(path)).release();
		}
	});

	it("hands out epochs that only grow, at once and across restarts", async () => {
		const first = await prepareDataDir(path);
		const epochs = await Promise.all([first.nextEpoch(), first.nextEpoch(), first.nextEpoch()]);
		await first.release();
		await writeFile(join(path, "epoch"), `${epochs[2] + 1_000_000}\n`);
		const second = await prepareDataDir(path);
		epochs.push(await second.nextEpoch());
		await second.release();
		await writeFile(join(path, "epoch"), "torn");
		const third = await prepareDataDir(path);
		expect(await third.nextEpoch()).toBeGreaterThan(epochs[2] - 1);
		await third.release();
		expect(epochs).toEqual([...new Set(epochs)].sort((left, right) => left - right));
	});

	for (const [what, text, said] of [
		[
			"of an unknown version",
			'{"format":4,"partitions":64}',
			/format 4 .*serve or export it with the version that wrote it/,
		],
		[
			"of LMDB's days",
			'{"format":1,"partitions":64}',
			/format 1 \(LMDB, up to version 0\.2\) .*serve or export it with the version that wrote it/,
		],
		[
			"whose partitions are made as they are used",
			'{"format":2,"partitions":64}',
			/format 2 .*serve or export it with the version that wrote it/,
		],
		["with another number of partitions", '{"format":3,"partitions":32}', /32 partitions/],
		["torn", '{"form', /format\.json is damaged; restore it/],
		["without a format", "[]", /format\.json is damaged/],
	] as const) {
		it(`refuses a data dir ${what}, and leaves it unlocked`, async () => {
			await (await prepareDataDir(path)).release();
			await writeFile(join(path, "format.json"), text);
			const refusal = await prepareDataDir(path).catch((error: unknown) => error);
			expect(refusal).toBeInstanceOf(ConfigError);
			expect((refusal as Error).message).toMatch(said);
			expect((refusal as Error).message).not.toContain("\n");
			await expect(stat(lock())).rejects.toThrow(/ENOENT/);
		});
	}

	it("refuses a directory with other people's files, and a path that is a file", async () => {
		await writeFile(join(parent, "thesis.txt"), "x");
		await expect(prepareDataDir(parent)).rejects.toThrow(/neither empty nor a data dir/);
		await expect(prepareDataDir(join(parent, "thesis.txt"))).rejects.toBeInstanceOf(ConfigError);
	});

	it.skipIf(process.platform !== "linux")(
		"refuses at once a directory that the system lets nobody make, and names the one above it",
		async () => {
			for (const [made, above] of [
				["/proc/x", "/proc"],
				["/proc/x/y/z", "/proc"],
			] as const) {
				const refusal = within(`the refusal of ${made}`, 1_000, prepareDataDir(made));
				await expect(refusal).rejects.toThrow(
					`--data-dir: ${made} can't be used: no directory can be made in ${above} (ENOENT); choose a directory`,
				);
				await expect(refusal).rejects.toBeInstanceOf(ConfigError);
			}
		},
	);

	it("refuses a directory below a file, and below a link that leads nowhere", async () => {
		await writeFile(join(parent, "file"), "x");
		await symlink(join(parent, "nowhere"), join(parent, "link"));
		await expect(prepareDataDir(join(parent, "file", "data"))).rejects.toThrow(/can't be used: ENOTDIR/);
		for (const below of ["link", "link/data"]) {
			await expect(prepareDataDir(join(parent, below))).rejects.toThrow(/can't be used: EEXIST/);
		}
		expect((await readdir(parent)).sort()).toEqual(["file", "link"]);
	});

	it("takes a directory behind a link, and makes those above it for its owner alone", async () => {
		await mkdir(join(parent, "elsewhere"));
		await symlink(join(parent, "elsewhere"), join(parent, "link"));
		await (await prepareDataDir(join(parent, "link", "a", "b"))).release();
		for (const made of ["a", "a/b"]) {
			expect((await stat(join(parent, "elsewhere", made))).mode & 0o777).toBe(0o700);
		}
	});

	it("refuses a second cluster while the first one lives", async () => {
		const first = await prepareDataDir(path);
		await expect(prepareDataDir(path)).rejects.toThrow(
			new RegExp(`in use by the cluster with process id ${process.pid}`),
		);
		await first.release();
		await (await prepareDataDir(path)).release();
	});
});
