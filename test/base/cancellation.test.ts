// A cancellation beside what an AbortSignal does.
import { expect, it } from "vitest";
import { Cancellation } from "../../src/base/cancellation.js";

it("tells everybody who listens once, with the first reason", () => {
	const work = new Cancellation();
	const heard: unknown[] = [];
	const left = () => heard.push("left");
	work.addEventListener("abort", () => heard.push(work.reason));
	work.addEventListener("abort", left);
	work.removeEventListener("abort", left);
	expect([work.aborted, work.reason]).toEqual([false, undefined]);
	work.throwIfAborted();
	work.abort("first");
	work.abort("second");
	expect(heard).toEqual(["first"]);
	expect([work.aborted, work.reason]).toEqual([true, "first"]);
	expect(() => work.throwIfAborted()).toThrow("first");
});

it("calls nobody who comes after it has fired, as an AbortSignal does", () => {
	const work = new Cancellation();
	work.abort("over");
	let called = false;
	work.addEventListener("abort", () => {
		called = true;
	});
	work.abort("again");
	expect(called).toBe(false);
});

it("lets a listener leave while another is told", () => {
	const work = new Cancellation();
	const heard: string[] = [];
	const second = () => heard.push("second");
	work.addEventListener("abort", () => {
		heard.push("first");
		work.removeEventListener("abort", second);
	});
	work.addEventListener("abort", second);
	work.addEventListener("abort", () => heard.push("third"));
	work.abort("over");
	// It was told in the same step: who leaves then has settled already, and must not mind.
	expect(heard).toEqual(["first", "second", "third"]);
});
