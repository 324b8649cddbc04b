// An export from beginning to end: which sessions, in which format, to where, and what came of it.
import { existsSync } from "node:fs";
import { ConfigError, RollpinError } from "../base/errors.js";
import type { SessionId } from "../base/ids.js";
import { PartitionMap } from "../base/partitions.js";
import { type Launch, readLaunch } from "../data-dir/launch.js";
import { parseJson } from "../json/parse.js";
import type { ReadContext, ReadListener } from "../reads/read-context.js";
import type { PayloadChoice } from "../reads/records.js";
import { readNumLayers } from "../samples/model-layers.js";
import { NEWEST_WIRE } from "../samples/wire.js";
import { openDiskReader } from "../store/disk/reader.js";
import type { ReadableStore } from "../store/store.js";
import { createTito } from "../tito/create.js";
import { NEWEST_TOOL_SCHEMA } from "../tito/tools.js";
import { type ExportFormat, linesFormat, recordsFormat, samplesFormat } from "./formats.js";
import { exportSession, type Produce } from "./session-export.js";
import type { Sink } from "./sinks.js";

export interface ExportOptions {
	/** Absolute path. */
	dataDir: string;
	format: ExportFormat;
	/** Null for every session. */
	session: SessionId | null;
	payloads: PayloadChoice;
	maxSeqLen: number | null;
	superseded: boolean;
	/** What the launch that wrote the data dir said otherwise, or did not write down. */
	overrides: Partial<Launch>;
}

export interface ExportResult {
	sessions: number;
	turns: number;
	/** Deleted while the export ran. */
	gone: number;
	/** Sessions and partitions that could not be exported. */
	failed: number;
}

export interface ExportListener {
	progress(done: number, total: number): void;
	/** A line about one session or partition. */
	note(line: string): void;
}

/** @throws ConfigError for settings that can't work; RollpinError when the session asked for is not there */
export async function runExport(
	options: ExportOptions,
	openSink: () => Promise<Sink>,
	listener: ExportListener,
): Promise<ExportResult> {
	if (!existsSync(options.dataDir)) {
		throw new ConfigError(
			`--data-dir: ${options.dataDir} is no directory that is there; give the data dir of a cluster`,
		);
	}
	const result: ExportResult = { sessions: 0, turns: 0, gone: 0, failed: 0 };
	const store = await openDiskReader({
		dataDir: options.dataDir,
		onPartitionRefused: (partition, reason) => {
			result.failed++;
			listener.note(`partition ${partition}: ${reason}`);
		},
	});
	try {
		const launch = options.format === "jsonl" ? null : await launchOf(options);
		const { produce, close } = await producer(options, store, launch, listener);
		try {
			const ids = await chosen(store, options.session);
			const sink = await openSink();
			try {
				for (const [index, id] of ids.entries()) {
					listener.progress(index, ids.length);
					const outcome = await exportSession(store, id, produce, sink);
					if (outcome.kind === "done") {
						result.sessions++;
						result.turns += outcome.turns;
					} else if (outcome.kind === "gone") {
						result.gone++;
						listener.note(`session ${id}: deleted meanwhile, skipped`);
					} else {
						result.failed++;
						listener.note(`session ${id}: ${outcome.reason}`);
					}
				}
				listener.progress(ids.length, ids.length);
				await sink.finish();
			} catch (error) {
				await sink.abandon();
				throw error;
			}
		} finally {
			await close();
		}
	} finally {
		await store.close();
	}
	return result;
}

async function chosen(store: ReadableStore, asked: SessionId | null): Promise<SessionId[]> {
	if (asked !== null) {
		if ((await store.session(asked)) !== undefined) return [asked];
		const tombstone = await store.tombstone(asked);
		const why = tombstone === undefined ? "the data dir has no such session" : `it was ${tombstone.reason}`;
		throw new RollpinError("session_not_found", `session ${asked} can't be exported: ${why}`);
	}
	const ids: SessionId[] = [];
	for await (const { id } of store.sessions()) ids.push(id);
	return ids;
}

async function launchOf({ dataDir, overrides }: ExportOptions): Promise<Launch> {
	const recorded = await readLaunch(dataDir);
	if (recorded !== null) return { ...recorded, ...overrides };
	const { checkpointDir } = overrides;
	if (checkpointDir === undefined) {
		throw new ConfigError(
			`--data-dir: ${dataDir} does not say which checkpoint its cluster ran with; give --checkpoint (and --tito-model, ` +
				"--mode and --backends, unless the defaults), or --format jsonl, which needs none",
		);
	}
	return {
		backends: 1,
		chatTemplateFile: null,
		chatTemplateKwargsJson: "{}",
		titoModel: "default",
		toolSchemaVersion: "auto",
		mode: "linear",
		messageMatcher: "echo",
		samplesWire: NEWEST_WIRE,
		r3: "off",
		samplePicker: null,
		samplePostprocessor: null,
		...overrides,
		checkpointDir,
	};
}

async function producer(
	options: ExportOptions,
	store: ReadableStore,
	launch: Launch | null,
	listener: ExportListener,
): Promise<{ produce: Produce; close: () => Promise<void> }> {
	const nothing = async () => undefined;
	if (launch === null) return { produce: linesFormat(store, options), close: nothing };
	const kwargs = parseJson(launch.chatTemplateKwargsJson);
	const tito = await createTito({
		checkpointDir: launch.checkpointDir,
		chatTemplateFile: launch.chatTemplateFile,
		chatTemplateKwargs: kwargs instanceof Map ? kwargs : new Map(),
		titoModel: launch.titoModel,
		toolSchemaVersion: launch.toolSchemaVersion === "auto" ? NEWEST_TOOL_SCHEMA : launch.toolSchemaVersion,
	});
	const numLayers = readNumLayers(launch.checkpointDir);
	const context: ReadContext = {
		store,
		tito,
		partitions: new PartitionMap(launch.backends),
		config: launch,
		numLayers,
		listener: readNotes(listener),
	};
	if (options.format === "records") return { produce: recordsFormat(context, options), close: nothing };
	const { produce, assembler } = samplesFormat(context, launch, options.maxSeqLen);
	return { produce, close: () => assembler.close() };
}

function readNotes(listener: ExportListener): ReadListener {
	return {
		// It stands in what is exported, and the cluster's log has it.
		hardMismatch: () => undefined,
		payloadRead: () => undefined,
		reportFailed: (id, turn, error) =>
			listener.note(`session ${id}: the mismatch report of turn ${turn} could not be made: ${String(error)}`),
	};
}
