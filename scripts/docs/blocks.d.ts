// Types of blocks.js for the tests.
export interface Block {
	line: number;
	language: string;
	mark: string;
	reason: string;
	text: string;
}
export function blocksOf(markdown: string): Block[];
