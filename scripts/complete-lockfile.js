// Adds the platform packages that `npm install` left out of package-lock.json because the registry in use does not
// carry them (a partial mirror). `npm ci` refuses a lock file without them, even where they'd never be installed.
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const path = join(dirname(fileURLToPath(import.meta.url)), "..", "package-lock.json");
const lock = JSON.parse(readFileSync(path, "utf8"));
const packages = lock.packages;
const SYSTEMS = ["darwin", "linux", "win32", "android", "freebsd", "openbsd", "netbsd", "openharmony"];
const CPUS = ["x64", "arm64", "arm", "ia32", "ppc64", "s390x", "riscv64", "loong64", "wasm32"];

/** Where npm would find `name` from the package at `from`; null when the lock file has it nowhere. */
function find(from, name) {
	for (let base = from; ; base = base.slice(0, Math.max(0, base.lastIndexOf("/node_modules/")))) {
		const key = `${base === "" ? "" : `${base}/`}node_modules/${name}`;
		if (packages[key] !== undefined) return key;
		if (base === "") return null;
	}
}

let added = 0;
for (const [key, entry] of Object.entries(packages)) {
	for (const [name, range] of Object.entries(entry.optionalDependencies ?? {})) {
		if (find(key, name) !== null) continue;
		const words = name.split(/[-/]/);
		const os = SYSTEMS.filter((system) => words.includes(system));
		const cpu = CPUS.filter((kind) => words.includes(kind));
		packages[`node_modules/${name}`] = {
			version: range.replace(/^[\^~]/, ""),
			...(entry.dev ? { dev: true } : {}),
			optional: true,
			...(os.length > 0 ? { os } : {}),
			...(cpu.length > 0 ? { cpu } : {}),
			...(words.some((word) => word.startsWith("musl")) ? { libc: ["musl"] } : {}),
		};
		added++;
	}
}
lock.packages = Object.fromEntries(Object.entries(packages).sort(([a], [b]) => (a < b ? -1 : 1)));
writeFileSync(path, `${JSON.stringify(lock, null, "\t")}\n`);
console.log(`${added} platform packages added to package-lock.json`);
