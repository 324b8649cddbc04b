// Cuts a command's output into lines for events, losing no byte that is UTF-8. Pure.
import { StringDecoder } from "node:string_decoder";

/** A line that is longer is given in pieces: what is held is bounded. */
const LONGEST_LINE = 64 * 1024;

/** Each line with its end: joined again they are the output. */
export class OutputLines {
	readonly #decoder = new StringDecoder("utf8");
	#begun = "";

	/** @returns the lines that are whole now */
	add(bytes: Uint8Array): string[] {
		return this.#take(this.#decoder.write(Buffer.from(bytes)));
	}

	/** @returns what is left: the last line, when it has no end */
	end(): string[] {
		const lines = this.#take(this.#decoder.end());
		if (this.#begun !== "") lines.push(this.#begun);
		this.#begun = "";
		return lines;
	}

	#take(text: string): string[] {
		const lines = (this.#begun + text).split(/(?<=\n)/);
		const last = lines.at(-1) ?? "";
		const isWhole = last.endsWith("\n") || last.length > LONGEST_LINE;
		this.#begun = isWhole ? "" : last;
		if (!isWhole) lines.pop();
		return lines;
	}
}
