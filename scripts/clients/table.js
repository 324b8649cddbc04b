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
	sandboxes: { kind: "pip", packages: ["opensandbox==1.1.1", "harbor==0.26.0"] },
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
	agno: { kind: "pip", packages: ["agno==3.1.10", "openai==3.57.0"] },
	autogen: { kind: "pip", packages: ["autogen-agentchat==0.7.5", "autogen-ext[openai]==0.7.5"] },
	crewai: { kind: "pip", packages: ["crewai==1.15.30"] },
	dspy: { kind: "pip", packages: ["dspy==3.4.1"] },
	"google-adk": { kind: "pip", packages: ["google-adk==2.13.0", "litellm==1.110.2"] },
	haystack: { kind: "pip", packages: ["haystack-ai==3.4.1"] },
	instructor: { kind: "pip", packages: ["instructor==1.17.0"] },
	"llama-index": {
		kind: "pip",
		packages: ["llama-index-core==0.14.25", "llama-index-llms-openai-like==0.8.1"],
	},
	"qwen-agent": {
		kind: "pip",
		packages: ["qwen-agent==0.0.34", "soundfile==0.14.0", "python-dateutil==4.0.0", "tqdm==4.70.1"],
	},
	"semantic-kernel": { kind: "pip", packages: ["semantic-kernel==1.45.0"] },
	strands: { kind: "pip", packages: ["strands-agents[openai]==1.62.0"] },
	"langchain-js": {
		kind: "npm",
		packages: ["@langchain/openai@1.6.0", "@langchain/core@1.4.0", "@langchain/langgraph@1.7.3", "zod@4.6.7"],
	},
	"openai-agents-js": { kind: "npm", packages: ["@openai/agents@0.20.0", "zod@4.6.7"] },
	mastra: {
		kind: "npm",
		packages: ["@mastra/core@1.71.0", "@ai-sdk/openai-compatible@2.0.92", "zod@4.6.7"],
	},
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
	row("agno", "agno==", "agno", "agno_client.py"),
	row("autogen", "autogen-agentchat==", "autogen", "autogen_client.py"),
	row("crewai", "crewai==", "crewai", "crewai_client.py"),
	row("dspy", "dspy==", "dspy", "dspy_client.py"),
	row("google-adk", "google-adk==", "google-adk", "google_adk_client.py"),
	row("haystack", "haystack-ai==", "haystack", "haystack_client.py"),
	row("instructor", "instructor==", "instructor", "instructor_client.py"),
	row("llama-index", "llama-index-core==", "llama-index", "llama_index_client.py"),
	row("qwen-agent", "qwen-agent==", "qwen-agent", "qwen_agent_client.py"),
	row("semantic-kernel", "semantic-kernel==", "semantic-kernel", "semantic_kernel_client.py"),
	row("strands", "strands-agents[openai]==", "strands", "strands_client.py"),
	row("langchain-js", "@langchain/openai@", "langchain-js", "langchain-js.mjs"),
	row("openai-agents-js", "@openai/agents@", "openai-agents-js", "openai-agents-js.mjs"),
	row("mastra", "@mastra/core@", "mastra", "mastra.mjs"),
	row("smolagents", "smolagents==", "python", "smolagents_client.py"),
];

/** A row; its version is that of the environment's package that starts so. */
function row(name, prefix, environment, driver) {
	const { packages } = ENVIRONMENTS[environment];
	const pinned = packages.find((one) => one.startsWith(prefix));
	if (pinned === undefined) throw new Error(`${name}: no package ${prefix} in ${environment}`);
	return { name, version: pinned.slice(prefix.length), environment, driver };
}
