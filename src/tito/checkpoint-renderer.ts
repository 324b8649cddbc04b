// Renders by a checkpoint's own template, where it has one that can be read.
import { ChatTemplate } from "../jinja/template.js";
import type { Checkpoint } from "./checkpoint.js";
import { PromptRenderer } from "./renderer.js";
import type { ToolSchemaVersion } from "./tools.js";

/**
 * Null where the template is absent, or cannot be read: one that is only compared with need not be, and a start that
 * needs it says so itself.
 */
export function checkpointRenderer({
	chatTemplate,
	specialTokens,
}: Checkpoint): ((version: ToolSchemaVersion) => PromptRenderer) | null {
	if (chatTemplate === null) return null;
	try {
		const template = new ChatTemplate(chatTemplate);
		return (version) => new PromptRenderer(template, specialTokens, version);
	} catch {
		return null;
	}
}
