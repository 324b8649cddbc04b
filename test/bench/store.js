// Measures the store on disk alone: open time and RSS by number of partitions, small turns/s, large payloads.
// Run `npm run build` first; `node test/bench/store.js [directory for the data]`.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const { prepareDataDir } = await import("../../dist/data-dir/data-dir.js");
const { PartitionMap } = await import("../../dist/base/partitions.js");
const { openDiskStore } = await import("../../dist/store/disk/store.js");
const parent = process.argv[2] ?? tmpdir();
const MIB = 1024 * 1024;
const rssMib = () => Math.round(process.memoryUsage().rss / MIB);
const results = [];
const note = (what, figure, unit) => results.push({ what, figure: Number(figure.toFixed(1)), unit });

const meta = (id) => ({ id, createdAt: 1, expiresAt: 2, metadataJson: null, turnCount: 0 });
const header = (id) => ({ id, requestHoles: { messages: 0, inputIds: 0 }, replyHoles: [] });
const append = (session, id, parts) => ({
	op: "append_turn",
	session,
	header: header(id),
	parts: new Map(Object.entries(parts)),
});

const path = mkdtempSync(join(parent, "rollpin-bench-store-"));
const dataDir = await prepareDataDir(path);
async function open(workerCount, durability = "process") {
	const startMs = performance.now();
	const epoch = await dataDir.nextEpoch();
	const base = {
		dataDir: path,
		workerIndex: 0,
		partitions: new PartitionMap(workerCount),
		durability,
		tombstones: 10_000,
		epoch,
	};
	const store = await openDiskStore(base);
	return { store, openMs: performance.now() - startMs };
}

for (const workerCount of [1, 1, 4]) {
	const before = rssMib();
	const { store, openMs } = await open(workerCount);
	note(`open ${64 / workerCount} partitions`, openMs, "ms");
	note(`RSS added by ${64 / workerCount} partitions`, rssMib() - before, "MiB");
	await store.close();
}

for (const durability of ["process", "power"]) {
	const { store } = await open(1, durability);
	const ids = Array.from({ length: 32 }, (_, index) => `${durability}${index}`);
	await Promise.all(ids.map((id) => store.commit([{ op: "put_session", meta: meta(id) }])));
	const small = () => [Buffer.alloc(2000, 1)];
	const startMs = performance.now();
	let commits = 0;
	await Promise.all(
		ids.map(async (id) => {
			for (let turn = 0; performance.now() - startMs < 3000; turn++, commits++) {
				const parts = {
					messages: small(),
					prompt: small(),
					completion: small(),
					logprobs: small(),
					reply: small(),
				};
				await store.commit([append(id, turn, parts), { op: "put_session", meta: meta(id) }]);
			}
		}),
	);
	note(
		`turns of 10 kB, 32 sessions, ${durability}`,
		(commits * 1000) / (performance.now() - startMs),
		"commits/s",
	);

	const large = `large-${durability}`;
	await store.commit([{ op: "put_session", meta: meta(large) }]);
	const pieces = Array.from({ length: 1600 }, () => Buffer.alloc(65_536, 7));
	const times = [];
	let lagMs = 0;
	let last = performance.now();
	const timer = setInterval(() => {
		lagMs = Math.max(lagMs, performance.now() - last - 5);
		last = performance.now();
	}, 5);
	const before = rssMib();
	for (let turn = 0; turn < 5; turn++) {
		const start = performance.now();
		await store.commit([append(large, turn, { "payload:0": pieces })]);
		times.push(performance.now() - start);
	}
	note(
		`payload of 100 MiB, ${durability}, median of 5`,
		(100 * 1000) / times.sort((a, b) => a - b)[2],
		"MiB/s",
	);
	const start = performance.now();
	let bytes = 0;
	for (let turn = 0; turn < 5; turn++) {
		for await (const piece of store.streamPart(large, turn, "payload:0")) bytes += piece.length;
	}
	note(`reading 5 x 100 MiB, ${durability}`, (bytes / MIB) * (1000 / (performance.now() - start)), "MiB/s");
	note(`RSS added by writing and reading 500 MiB, ${durability}`, rssMib() - before, "MiB");
	note(`longest block of the loop meanwhile, ${durability}`, lagMs, "ms");
	clearInterval(timer);
	await store.close();
}
await dataDir.release();
rmSync(path, { recursive: true });
console.table(results);
console.log(JSON.stringify(results));
