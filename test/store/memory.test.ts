// The memory store against the rules of every store.
import { createMemoryStore } from "../../src/store/memory/memory-store.js";
import { describeStore } from "./conformance.js";

describeStore("The memory store", async (tombstones) => createMemoryStore({ tombstones }), "heap");
