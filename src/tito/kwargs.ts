// Layers the template kwargs: launch, then family pins, then the request's. Pure.
import { ConfigError, RollpinError } from "../base/errors.js";
import { writeJson } from "../json/parse.js";
import type { JsonObject } from "../json/value.js";
import { resolveAliases } from "./kwarg-aliases.js";
import type { FamilyTraits, TemplateKwargs } from "./tito.js";

/** Variables that the renderer sets itself, and what the request has a field for. */
const RESERVED = new Set(["messages", "tools", "add_generation_prompt", "continue_final_message"]);

/** Launch kwargs under the family's pins, aliases resolved. @throws ConfigError on a conflict or an alias's value */
export function launchKwargs(launch: JsonObject, family: FamilyTraits): TemplateKwargs {
	const merged: TemplateKwargs = new Map(launch);
	for (const name of launch.keys()) {
		if (RESERVED.has(name))
			throw new ConfigError(`--chat-template-kwargs may not set ${name}: it comes with each request`);
	}
	for (const [name, pinned] of Object.entries(family.pinnedKwargs)) {
		const given = launch.get(name);
		if (given !== undefined && given !== pinned)
			throw new ConfigError(
				`--chat-template-kwargs: ${name}=${writeJson(given)} conflicts with the value registered for family ${family.name} (${pinned}); leave it out`,
			);
		merged.set(name, pinned);
	}
	const fault = family.kwargAliases && resolveAliases(merged, launch, family.kwargAliases);
	if (fault) throw new ConfigError(`--chat-template-kwargs: ${fault.reason}; choose one of them`);
	return merged;
}

/** @throws RollpinError `invalid_request` for a reserved name, a pin that is contradicted or an alias's value */
export function requestKwargs(
	base: TemplateKwargs,
	request: JsonObject | undefined,
	family: FamilyTraits,
): TemplateKwargs {
	if (request === undefined || request.size === 0) return base;
	const merged: TemplateKwargs = new Map(base);
	for (const [name, value] of request) {
		const param = `chat_template_kwargs.${name}`;
		if (RESERVED.has(name))
			throw new RollpinError(
				"invalid_request",
				`chat_template_kwargs may not set ${name}; use the request's own field`,
				{ param },
			);
		const pinned = Object.hasOwn(family.pinnedKwargs, name) ? family.pinnedKwargs[name] : undefined;
		if (pinned !== undefined && pinned !== value)
			throw new RollpinError(
				"invalid_request",
				`chat_template_kwargs: ${name}=${writeJson(value)} conflicts with the value registered for family ${family.name} (${pinned}); leave it out`,
				{ param },
			);
		merged.set(name, value);
	}
	const fault = family.kwargAliases && resolveAliases(merged, request, family.kwargAliases);
	if (fault)
		throw new RollpinError("invalid_request", `chat_template_kwargs: ${fault.reason}; send one of them`, {
			param: `chat_template_kwargs.${fault.name}`,
		});
	return merged;
}
