// Types of table.js, for the tests.
export const ENVIRONMENTS: Record<string, { kind: "pip" | "npm"; packages: string[] }>;
export const CLIENTS: Array<{ name: string; version: string; environment: string; driver: string }>;
