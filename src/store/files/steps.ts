// Work that waits only where it must: a generator that yields what it has to wait for. Runs at once while nothing is yielded.

export type Steps<T> = Generator<Promise<unknown>, T, unknown>;

/** The result at once, or a promise of it when there was something to wait for. */
export function run<T>(steps: Steps<T>): T | Promise<T> {
	const first = steps.next();
	return first.done === true ? first.value : goOn(steps, first.value);
}

/** Waits within steps; what the promise resolves to. */
export function* wait<T>(promise: Promise<T>): Steps<T> {
	return (yield promise) as T;
}

async function goOn<T>(steps: Steps<T>, first: Promise<unknown>): Promise<T> {
	for (let awaited = first; ; ) {
		const settled = await awaited.then(
			(value) => ({ value }),
			(error: unknown) => ({ error }),
		);
		const next = "error" in settled ? steps.throw(settled.error) : steps.next(settled.value);
		if (next.done === true) return next.value;
		awaited = next.value;
	}
}
