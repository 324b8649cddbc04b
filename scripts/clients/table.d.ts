// Types of table.js, for the tests.
export interface Client {
	name: string;
	version: string;
	environment: string;
	driver: string;
}
export const ENVIRONMENTS: Record<string, { kind: "pip" | "npm"; packages: string[] }>;
export const CLIENTS: Client[];
