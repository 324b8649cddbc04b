// Spells doubles as Python's repr() does, because that is what a real engine's JSON carries.

/**
 * `-0.0`, `1e-07`, `3.0`, `1e+16`: Python's shortest repr. JavaScript drops the sign of zero and the `.0`,
 * and starts exponents at other magnitudes (1e21 and 1e-7; Python at 1e16 and below 1e-4).
 */
export function pythonFloat(value: number): string {
	if (Object.is(value, -0)) return "-0.0";
	if (!Number.isFinite(value)) return Number.isNaN(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";
	const magnitude = Math.abs(value);
	if (magnitude !== 0 && (magnitude < 1e-4 || magnitude >= 1e16)) {
		const [mantissa, exponent] = value.toExponential().split("e") as [string, string];
		const sign = exponent.startsWith("-") ? "-" : "+";
		return `${mantissa}e${sign}${exponent.slice(1).padStart(2, "0")}`;
	}
	const text = String(value);
	return /[.e]/.test(text) ? text : `${text}.0`;
}
