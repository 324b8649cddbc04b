// Owns the grammar of a JSON number, byte by byte, so that one may be split anywhere. Pure.

/** After the minus; zero; digits of the integer part; after the dot; digits of the fraction; after the e; after its sign; its digits. */
const MINUS = 0;
const ZERO = 1;
const INTEGER = 2;
const DOT = 3;
const FRACTION = 4;
const E = 5;
const SIGN = 6;
const EXPONENT = 7;

/** The number ended before this byte. */
export const NUMBER_ENDED = -1;
/** This byte cannot stand here. */
export const NUMBER_MALFORMED = -2;

/** State after a number's first byte, or `NUMBER_MALFORMED` when none begins with it. */
export function firstNumberState(byte: number): number {
	if (byte === 0x2d) return MINUS;
	if (byte === 0x30) return ZERO;
	return byte >= 0x31 && byte <= 0x39 ? INTEGER : NUMBER_MALFORMED;
}

/** State after one more byte, `NUMBER_ENDED`, or `NUMBER_MALFORMED`. */
export function nextNumberState(state: number, byte: number): number {
	const digit = byte >= 0x30 && byte <= 0x39;
	switch (state) {
		case MINUS:
			return firstNumberState(byte === 0x2d ? 0 : byte);
		case INTEGER:
			if (digit) return INTEGER;
			break;
		case DOT:
		case FRACTION:
			if (digit) return FRACTION;
			break;
		case E:
			if (byte === 0x2b || byte === 0x2d) return SIGN;
			return digit ? EXPONENT : NUMBER_MALFORMED;
		case SIGN:
		case EXPONENT:
			if (digit) return EXPONENT;
			break;
	}
	if (state === DOT || state === SIGN) return NUMBER_MALFORMED;
	if (byte === 0x2e && (state === ZERO || state === INTEGER)) return DOT;
	if ((byte === 0x65 || byte === 0x45) && state !== EXPONENT) return E;
	return NUMBER_ENDED;
}

/** Whether a number may end in this state. */
export function isCompleteNumber(state: number): boolean {
	return state === ZERO || state === INTEGER || state === FRACTION || state === EXPONENT;
}
