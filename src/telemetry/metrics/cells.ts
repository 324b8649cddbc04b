// What is counted, as plain numbers: hot code adds to a field, and a scrape reads it. Knows no names and no processes.

/** A number that only grows. */
export class Count {
	value = 0;
}

/** How many observed values were in each range. */
export class Distribution {
	/** Upper ends of the ranges, ascending, each included. */
	readonly bounds: readonly number[];
	/** By range; the last one is of everything above the last bound. */
	readonly counts: Float64Array;
	sum = 0;

	constructor(bounds: readonly number[]) {
		this.bounds = bounds;
		this.counts = new Float64Array(bounds.length + 1);
	}

	observe(value: number): void {
		const { bounds } = this;
		let range = 0;
		while (range < bounds.length && value > (bounds[range] as number)) range++;
		this.counts[range] = (this.counts[range] as number) + 1;
		this.sum += value;
	}
}

/** One cell for each combination of up to three label values, made when it is first asked for. Asking allocates nothing else. */
export class Family<Cell> {
	readonly #make: () => Cell;
	readonly #cells = new Map<string, Map<string, Map<string, Cell>>>();

	constructor(make: () => Cell) {
		this.#make = make;
	}

	at(first: string, second = "", third = ""): Cell {
		const cell = this.#cells.get(first)?.get(second)?.get(third);
		return cell ?? this.#add(first, second, third);
	}

	/** Every cell with its label values; three, those that are not used empty. */
	*cells(): IterableIterator<[labels: readonly [string, string, string], cell: Cell]> {
		for (const [first, bySecond] of this.#cells)
			for (const [second, byThird] of bySecond)
				for (const [third, cell] of byThird) yield [[first, second, third], cell];
	}

	#add(first: string, second: string, third: string): Cell {
		const bySecond = this.#cells.get(first) ?? new Map<string, Map<string, Cell>>();
		this.#cells.set(first, bySecond);
		const byThird = bySecond.get(second) ?? new Map<string, Cell>();
		bySecond.set(second, byThird);
		const cell = this.#make();
		byThird.set(third, cell);
		return cell;
	}
}

/** The sum over all label values. */
export function totalOf(counts: { cells(): Iterable<readonly [labels: unknown, count: Count]> }): number {
	let total = 0;
	for (const [, { value }] of counts.cells()) total += value;
	return total;
}
