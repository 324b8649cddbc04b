// Python's strftime in the C locale. Pure.

const MONTHS = [
	"January",
	"February",
	"March",
	"April",
	"May",
	"June",
	"July",
	"August",
	"September",
	"October",
	"November",
	"December",
];
const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

function digits(value: number, width = 2): string {
	return String(value).padStart(width, "0");
}

function dayOfYear(date: Date): number {
	const midnight = Date.UTC(date.getFullYear(), date.getMonth(), date.getDate());
	return (midnight - Date.UTC(date.getFullYear(), 0, 1)) / 86_400_000 + 1;
}

const FIELDS: Readonly<Record<string, (date: Date) => string>> = {
	Y: (date) => String(date.getFullYear()),
	y: (date) => digits(date.getFullYear() % 100),
	m: (date) => digits(date.getMonth() + 1),
	d: (date) => digits(date.getDate()),
	e: (date) => String(date.getDate()).padStart(2, " "),
	B: (date) => MONTHS[date.getMonth()] ?? "",
	b: (date) => MONTHS[date.getMonth()]?.slice(0, 3) ?? "",
	A: (date) => DAYS[date.getDay()] ?? "",
	a: (date) => DAYS[date.getDay()]?.slice(0, 3) ?? "",
	H: (date) => digits(date.getHours()),
	I: (date) => digits(date.getHours() % 12 || 12),
	p: (date) => (date.getHours() < 12 ? "AM" : "PM"),
	M: (date) => digits(date.getMinutes()),
	S: (date) => digits(date.getSeconds()),
	f: (date) => `${digits(date.getMilliseconds(), 3)}000`,
	j: (date) => digits(dayOfYear(date), 3),
	F: (date) => `${date.getFullYear()}-${digits(date.getMonth() + 1)}-${digits(date.getDate())}`,
	T: (date) => `${digits(date.getHours())}:${digits(date.getMinutes())}:${digits(date.getSeconds())}`,
	"%": () => "%",
};

/** Fields that are not known stay as they are written; `%-d` drops leading zeros, as glibc does. */
export function strftime(date: Date, format: string): string {
	return format.replace(/%(-?)([a-zA-Z%])/g, (whole, bare: string, field: string) => {
		const text = FIELDS[field]?.(date);
		if (text === undefined) return whole;
		return bare === "" ? text : text.replace(/^[0 ]+(?=\d)/, "");
	});
}
