// Which prefixes the engine has seen: a bounded radix tree over token ids. Exact and deterministic.

interface Node {
	edge: Int32Array;
	children: Map<number, Node>;
}

function emptyTree(): Node {
	return { edge: new Int32Array(0), children: new Map() };
}

/** Number of leading ids of `ids` that lie on one path of the tree. */
function matchLength(root: Node, ids: Int32Array): number {
	let node = root;
	let at = 0;
	while (at < ids.length) {
		const child = node.children.get(ids[at] as number);
		if (!child) return at;
		const common = commonLength(child.edge, ids, at);
		at += common;
		if (common < child.edge.length) return at;
		node = child;
	}
	return at;
}

function commonLength(edge: Int32Array, ids: Int32Array, from: number): number {
	const limit = Math.min(edge.length, ids.length - from);
	let length = 0;
	while (length < limit && edge[length] === ids[from + length]) length++;
	return length;
}

/** Adds the path of `ids`; answers how many ids had to be stored. */
function insert(root: Node, ids: Int32Array): number {
	let node = root;
	let at = 0;
	while (at < ids.length) {
		const first = ids[at] as number;
		const child = node.children.get(first);
		if (!child) {
			node.children.set(first, { edge: ids.slice(at), children: new Map() });
			return ids.length - at;
		}
		const common = commonLength(child.edge, ids, at);
		if (common < child.edge.length) {
			const upper: Node = { edge: child.edge.slice(0, common), children: new Map() };
			child.edge = child.edge.slice(common);
			upper.children.set(child.edge[0] as number, child);
			node.children.set(first, upper);
			node = upper;
		} else {
			node = child;
		}
		at += common;
	}
	return 0;
}

/**
 * Keeps at most `capacity` ids in two generations: when the young one holds half, it becomes the old one and the
 * former old one is forgotten.
 */
export class PrefixCache {
	readonly #capacity: number;
	#young = emptyTree();
	#old = emptyTree();
	#youngTokens = 0;

	constructor(capacity: number) {
		this.#capacity = capacity;
	}

	/** Length of the longest seen prefix of `ids`. */
	match(ids: Int32Array): number {
		return Math.max(matchLength(this.#young, ids), matchLength(this.#old, ids));
	}

	add(ids: Int32Array): void {
		if (this.#capacity === 0) return;
		this.#youngTokens += insert(this.#young, ids);
		if (this.#youngTokens * 2 <= this.#capacity) return;
		this.#old = this.#young;
		this.#young = emptyTree();
		this.#youngTokens = 0;
	}

	clear(): void {
		this.#young = emptyTree();
		this.#old = emptyTree();
		this.#youngTokens = 0;
	}
}
