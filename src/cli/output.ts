// What a command prints on stdout. A reader that has gone away (`| head`) is an end like any other, and no crash.

/** Resolves when the text was taken, or nobody reads any more. */
export function print(text: string): Promise<void> {
	const { stdout } = process;
	if (stdout.listenerCount("error") === 0) stdout.on("error", () => undefined);
	return new Promise((resolve) => void stdout.write(text, () => resolve()));
}
