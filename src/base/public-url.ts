// A URL as it may stand where others read it: in a metric, a record, an answer.

/** Without user, password, query and a slash at its end. @param url an absolute URL */
export function publicUrl(url: string): string {
	const { origin, pathname } = new URL(url);
	return `${origin}${pathname.replace(/\/+$/, "")}`;
}
