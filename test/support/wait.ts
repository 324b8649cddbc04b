// Waiting with a labelled deadline: a wait that fails says what it waited for. Owns no processes or servers.

/** Resolves like `work`, or rejects with the label once `timeoutMs` is over. */
export async function within<T>(label: string, timeoutMs: number, work: Promise<T>): Promise<T> {
	let timer: NodeJS.Timeout | undefined;
	const deadline = new Promise<never>((_resolve, reject) => {
		timer = setTimeout(() => reject(new Error(`waited ${timeoutMs} ms for ${label}`)), timeoutMs);
	});
	try {
		return await Promise.race([work, deadline]);
	} finally {
		clearTimeout(timer);
	}
}

/** Asks again and again until `probe` gives something other than undefined, null or false. */
export async function until<T>(
	label: string,
	timeoutMs: number,
	probe: () => T | Promise<T>,
): Promise<NonNullable<Exclude<T, false>>> {
	const endMs = performance.now() + timeoutMs;
	for (;;) {
		const found = await probe();
		if (found !== undefined && found !== null && found !== false) {
			return found as NonNullable<Exclude<T, false>>;
		}
		if (performance.now() > endMs) throw new Error(`waited ${timeoutMs} ms for ${label}`);
		await new Promise((resolve) => setTimeout(resolve, 10));
	}
}
