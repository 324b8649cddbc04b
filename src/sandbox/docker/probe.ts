// What an engine must be able to do before it may run sandboxes. Pure.

/** What the limits of a sandbox rest on, in the engine's words: without it the engine would leave a limit out and only warn. */
const NEEDED = {
	MemoryLimit: "a memory limit",
	PidsLimit: "a limit of processes",
	CpuCfsQuota: "a CPU quota",
};

/** @param info the engine's /info. @returns empty when it has all */
export function missingOf(info: unknown): string[] {
	const facts = info as Readonly<Record<string, unknown>>;
	const missing = Object.entries(NEEDED).flatMap(([name, words]) => (facts[name] === true ? [] : [words]));
	if (facts["OSType"] !== "linux") missing.push("Linux containers");
	const security = Array.isArray(facts["SecurityOptions"]) ? facts["SecurityOptions"].map(String) : [];
	if (!security.some((each) => each.startsWith("name=seccomp"))) missing.push("seccomp");
	return missing;
}
