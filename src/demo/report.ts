// Figures and tables of the demo. Pure.

/** The value below which `fraction` of the sorted values lie (nearest rank); NaN of none. */
export function percentile(values: readonly number[], fraction: number): number {
	const sorted = values.toSorted((a, b) => a - b);
	return sorted[Math.max(0, Math.ceil(fraction * sorted.length) - 1)] ?? Number.NaN;
}

/** A plain text table: the first row is the head, numbers are right-aligned. */
export function table(rows: ReadonlyArray<ReadonlyArray<string | number>>): string {
	const widths = (rows[0] ?? []).map((_, column) =>
		Math.max(...rows.map((row) => String(row[column] ?? "").length)),
	);
	return rows
		.map((row) =>
			widths
				.map((width, column) => {
					const cell = row[column] ?? "";
					return typeof cell === "number" ? String(cell).padStart(width) : cell.padEnd(width);
				})
				.join("  ")
				.trimEnd(),
		)
		.join("\n");
}

/** What the demo says of the session that it leaves: lines that can be pasted. The token itself is never shown. */
export function lookAtText(url: string, id: string, withToken: boolean): string {
	const auth = withToken ? ' -H "authorization: Bearer $ROLLPIN_AUTH_TOKEN"' : "";
	return [
		`session ${id} is still there to look at; its last turn, and the end of it:`,
		`  curl -s${auth} ${url}/sessions/${id} | jq '.records[-1] | .request.messages[-1], .response.choices[0].message'`,
		`  curl -s${auth} -X DELETE ${url}/sessions/${id}`,
	].join("\n");
}
