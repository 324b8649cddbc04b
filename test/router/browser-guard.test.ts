// What is refused of a browser's pages where no token is asked for, as tables: hosts, origins, types.
import { describe, expect, it } from "vitest";
import { type BrowserHead, createBrowserGuard, type GuardOptions } from "../../src/router/browser-guard.js";

const LOOPBACK: GuardOptions = { host: "127.0.0.1", allowedHosts: [], machineName: "gpu-17.Example.org" };
const ANY: GuardOptions = { ...LOOPBACK, host: "0.0.0.0" };
const plain: BrowserHead = {
	host: "localhost:8080",
	origin: null,
	fetchSite: null,
	contentType: null,
	hasBody: false,
};
const code = (options: GuardOptions, head: Partial<BrowserHead>) =>
	createBrowserGuard(options)({ ...plain, ...head })?.code ?? null;

describe("a Host", () => {
	it.each([
		"127.0.0.1",
		"127.0.0.1:8080",
		"127.8.9.1:1",
		"[::1]:8080",
		"[::1]",
		"localhost",
		"LOCALHOST:9",
		"localhost.:9",
		"agents.localhost:8080",
		"host.docker.internal:8080",
		"rollpin:8080",
		"gpu-17.example.org:8080",
	])("%s is one of a loopback address", (host) => {
		expect(code(LOOPBACK, { host })).toBeNull();
	});

	it.each([
		"evil.example",
		"evil.example:8080",
		"127.0.0.1.evil.example",
		"localhost.evil.example",
		"10.0.0.1:8080",
		"[fe80::1]:8080",
		"0x7f.1",
		"rollpin.training:8080",
		"evil.example@127.0.0.1",
		"a b",
		"[::1",
		":8080",
		"evil.notinternal",
		"evil.xsvc",
	])("%s is none of a loopback address", (host) => {
		expect(code(LOOPBACK, { host })).toBe("forbidden");
	});

	it.each([
		"10.0.0.1:8080",
		"192.0.2.7",
		"[fe80::1]:8080",
		"rollpin:8080",
		"rollpin.jobs.svc:8080",
		"rollpin.jobs.svc.cluster.local:8080",
		"gpu-17.example.org",
		"localhost:8080",
	])("%s is one of an address that others reach", (host) => {
		expect(code(ANY, { host })).toBeNull();
	});

	it("of a public domain is none of an address that others reach either, unless it was given", () => {
		expect(code(ANY, { host: "rollpin.example.com:8080" })).toBe("forbidden");
		expect(code({ ...ANY, host: "rollpin.example.com" }, { host: "Rollpin.example.com:8080" })).toBeNull();
		const given = (entry: string, host: string) => code({ ...ANY, allowedHosts: [entry] }, { host });
		expect(given("rollpin.example.com", "rollpin.example.com:80")).toBeNull();
		expect(given("rollpin.example.com", "x.rollpin.example.com")).toBe("forbidden");
		expect(given(".example.com", "x.rollpin.example.com")).toBeNull();
		expect(given(".example.com", "evilexample.com")).toBe("forbidden");
		expect(given("*", "evil.example")).toBeNull();
	});

	it("that is missing, as HTTP/1.0 allows, is no browser's", () => {
		expect(code(LOOPBACK, { host: null })).toBeNull();
	});

	it("is judged anew when it changes on the same guard", () => {
		const guard = createBrowserGuard(LOOPBACK);
		const asked = (host: string) => guard({ ...plain, host })?.code ?? null;
		expect(["localhost", "localhost", "evil.example", "localhost", "evil.example"].map(asked)).toEqual([
			null,
			null,
			"forbidden",
			null,
			"forbidden",
		]);
	});
});

describe("a page", () => {
	it.each<[string, Partial<BrowserHead>]>([
		["of another site", { origin: "https://evil.example", fetchSite: "cross-site" }],
		["of another site, in a browser that says only so much", { origin: "https://evil.example" }],
		["of another site, without an Origin (an image, a link)", { fetchSite: "cross-site" }],
		["of another port of this machine", { origin: "http://localhost:3000", fetchSite: "same-site" }],
		["of another name of this machine", { origin: "http://127.0.0.1:8080" }],
		["in a sandbox or a file", { origin: "null" }],
		["with two origins", { origin: "" }],
		["of an extension", { origin: "chrome-extension://abcdef" }],
	])("%s is refused", (_what, head) => {
		expect(code(LOOPBACK, head)).toBe("forbidden");
		expect(code({ ...LOOPBACK, allowedHosts: ["*"] }, head)).toBe("forbidden");
	});

	it.each<[string, Partial<BrowserHead>]>([
		["of ours", { origin: "http://localhost:8080", fetchSite: "same-origin" }],
		["of ours behind a proxy that speaks TLS", { origin: "https://Localhost:8080" }],
		["that is none: an address that somebody typed", { fetchSite: "none" }],
		[
			"of ours with JSON",
			{
				origin: "http://localhost:8080",
				fetchSite: "same-origin",
				hasBody: true,
				contentType: "application/json; charset=utf-8",
			},
		],
	])("%s is let in", (_what, head) => {
		expect(code(LOOPBACK, head)).toBeNull();
	});

	it("of a host that was given is let in", () => {
		const allowedHosts = ["ui.example.com"];
		expect(code({ ...LOOPBACK, allowedHosts }, { origin: "https://ui.example.com" })).toBeNull();
	});

	it.each([
		null,
		"text/plain",
		"application/x-www-form-urlencoded",
		"multipart/form-data; boundary=x",
		"text/json",
	])("of ours with a body of type %s is 415: JSON is what no page may send unasked", (contentType) => {
		const head = { origin: "http://localhost:8080", hasBody: true, contentType };
		expect(code(LOOPBACK, head)).toBe("unsupported_media_type");
		// Clients that are no browsers send what they did; the worker judges it.
		expect(code(LOOPBACK, { hasBody: true, contentType })).toBeNull();
	});
});
