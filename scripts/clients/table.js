// The clients of docs/clients.md: what each is installed from, and the driver of its loops. Versions are pinned here only.

/**
 * Environments are installed once each: a Python virtual environment or a node_modules.
 * @type {Record<string, { kind: "pip" | "npm", packages: string[] }>}
 */
export const ENVIRONMENTS = {
	python: {
		kind: "pip",
		packages: [
			"openai==3.57.0",
			"litellm==1.110.2",
			"openai-agents==0.24.0",
			"langchain-openai==1.7.4",
			"langgraph==1.2.24",
			"pydantic-ai-slim[openai]==2.68.0",
			"smolagents==1.26.0",
			"mini-swe-agent==2.4.6",
		],
	},
	verifiers: { kind: "pip", packages: ["verifiers==0.4.0"] },
	harbor: { kind: "pip", packages: ["harbor==0.26.0"] },
	node: {
		kind: "npm",
		packages: [
			"openai@6.49.0",
			"ai@6.0.326",
			"@ai-sdk/openai-compatible@2.0.92",
			"@ai-sdk/openai@3.0.141",
			"zod@4.6.7",
		],
	},
	"qwen-code": { kind: "npm", packages: ["@qwen-code/qwen-code@0.15.10"] },
};

/**
 * @typedef {object} Client
 * @property {string} name in the table, and for --only
 * @property {string} version as it stands in the table; the packages of the environment decide
 * @property {string} environment
 * @property {string} driver file in drivers/
 */

/** @type {Client[]} */
export const CLIENTS = [
	row("openai-python", "openai==", "python", "openai_python.py"),
	row("openai-js", "openai@", "node", "openai-js.mjs"),
	row("litellm", "litellm==", "python", "litellm_client.py"),
	row("openai-agents", "openai-agents==", "python", "openai_agents.py"),
	row("langchain", "langchain-openai==", "python", "langchain_client.py"),
	row("pydantic-ai", "pydantic-ai-slim[openai]==", "python", "pydantic_ai_client.py"),
	row("vercel-ai", "ai@", "node", "vercel-ai.mjs"),
	row("qwen-code", "@qwen-code/qwen-code@", "qwen-code", "qwen-code.mjs"),
	row("mini-swe-agent", "mini-swe-agent==", "python", "mini_swe_agent.py"),
	row("verifiers", "verifiers==", "verifiers", "verifiers_client.py"),
	row("harbor", "harbor==", "harbor", "harbor_client.py"),
	row("smolagents", "smolagents==", "python", "smolagents_client.py"),
];

/** A row; its version is that of the environment's package that starts so. */
function row(name, prefix, environment, driver) {
	const { packages } = ENVIRONMENTS[environment];
	const pinned = packages.find((one) => one.startsWith(prefix));
	if (pinned === undefined) throw new Error(`${name}: no package ${prefix} in ${environment}`);
	return { name, version: pinned.slice(prefix.length), environment, driver };
}
