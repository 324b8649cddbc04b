// Starts and stops a simulated engine: its two ports and nothing else.
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { ConfigError } from "../base/errors.js";
import { controlListener } from "./control/control-port.js";
import type { SimCounters } from "./engine/counters.js";
import { engineListener } from "./engine/engine-port.js";
import type { SimTunables } from "./engine/options.js";
import { createSimState } from "./engine/state.js";

const CONTROL_KEEP_ALIVE_MS = 75_000;

export interface SimEngineOptions extends Partial<SimTunables> {
	/** Directory with `tokenizer.json`, `tokenizer_config.json` and a chat template. */
	checkpointDir: string;
	/** Default 127.0.0.1. */
	host?: string;
	/** 0 or absent: any free port. */
	port?: number;
	/** 0 or absent: any free port. */
	controlPort?: number;
}

export interface SimEngine {
	/** Base URL of the engine, without a trailing slash. */
	url: string;
	/** Base URL of the control plane, without a trailing slash. */
	controlUrl: string;
	counters(): SimCounters;
	/** Closes both ports and every connection. */
	close(): Promise<void>;
}

/**
 * Starts the simulated engine in this process.
 * @throws ConfigError on a bad option, an unreadable checkpoint or a port in use
 */
export async function startSimEngine(options: SimEngineOptions): Promise<SimEngine> {
	const { checkpointDir, host = "127.0.0.1", port = 0, controlPort = 0, ...tunables } = options;
	const state = await createSimState(checkpointDir, tunables);
	// requestTimeout 0: a scripted gate may hold a request for as long as its test likes.
	const engine = createServer(
		{ keepAliveTimeout: state.tunables.keepAliveTimeoutMs, requestTimeout: 0, noDelay: true },
		engineListener(state),
	);
	await listen(engine, port, host);
	const enginePort = (engine.address() as AddressInfo).port;
	const control = createServer(
		// A slow test must not meet the close of a connection it is about to use again.
		{ keepAliveTimeout: CONTROL_KEEP_ALIVE_MS, requestTimeout: 0 },
		controlListener(state, {
			listen: async (open) => {
				if (open === engine.listening) return;
				if (open) await listen(engine, enginePort, host);
				// The callback of close() waits for open connections; only the listening socket matters here.
				else engine.close();
			},
			closeConnections: (which) => {
				if (which === "all") engine.closeAllConnections();
				else engine.closeIdleConnections();
			},
		}),
	);
	try {
		await listen(control, controlPort, host);
	} catch (error) {
		await close(engine);
		throw error;
	}
	return {
		url: urlOf(engine, host),
		controlUrl: urlOf(control, host),
		counters: () => state.counters.snapshot(),
		close: async () => {
			state.gates.reset();
			await Promise.all([close(engine), close(control)]);
		},
	};
}

function urlOf(server: Server, host: string): string {
	const { port } = server.address() as AddressInfo;
	return `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

async function listen(server: Server, port: number, host: string): Promise<void> {
	await new Promise<void>((resolve, reject) => {
		const fail = (error: NodeJS.ErrnoException): void => {
			reject(
				new ConfigError(
					`the simulated engine cannot listen on ${host}:${port} (${error.code}); choose another port`,
					{
						cause: error,
					},
				),
			);
		};
		server.once("error", fail);
		// exclusive: in a cluster child the primary would otherwise own the socket, and closing it would refuse nobody.
		server.listen({ port, host, exclusive: true }, () => {
			server.off("error", fail);
			resolve();
		});
	});
}

async function close(server: Server): Promise<void> {
	await new Promise<void>((resolve) => {
		server.close(() => resolve());
		server.closeAllConnections();
	});
}
