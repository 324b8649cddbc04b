// Owns the test for lone surrogates, which have no UTF-8 and would be replaced in silence further down.

/** `String.prototype.isWellFormed` (ES2024; in every supported Node, not in the library types we compile with). */
export function isWellFormed(text: string): boolean {
	return (text as string & { isWellFormed(): boolean }).isWellFormed();
}
