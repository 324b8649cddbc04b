// Which values of an SGLang chat reply matter, by their keys. A table; walks nothing.
import { CHOICE, CHOICES, FIRST_OWN_SITE, ROOT, siteTable } from "../scan/sites.js";

/** Payloads are taken out; of the others the byte range is kept. */
export const SglangSite = {
	ROOT,
	CHOICES,
	CHOICE,
	META: FIRST_OWN_SITE,
	ID: FIRST_OWN_SITE + 1,
	MESSAGE: FIRST_OWN_SITE + 2,
	FINISH_REASON: FIRST_OWN_SITE + 3,
	COMPLETION_TOKENS: FIRST_OWN_SITE + 4,
	LOGPROBS: FIRST_OWN_SITE + 5,
	PROMPT_TOKEN_IDS: FIRST_OWN_SITE + 6,
	PROMPT_TOKENS: FIRST_OWN_SITE + 7,
	ROUTED_EXPERTS: FIRST_OWN_SITE + 8,
	INDEXER_TOPK: FIRST_OWN_SITE + 9,
	SAMPLING_MASK: FIRST_OWN_SITE + 10,
	SAMPLING_LOGPROBS: FIRST_OWN_SITE + 11,
	SAMPLING_MASK_LENGTH: FIRST_OWN_SITE + 12,
} as const;

const PAYLOADS = {
	routed_experts: SglangSite.ROUTED_EXPERTS,
	indexer_topk: SglangSite.INDEXER_TOPK,
	output_token_sampling_mask: SglangSite.SAMPLING_MASK,
	output_token_sampling_logprobs: SglangSite.SAMPLING_LOGPROBS,
	output_token_sampling_mask_length: SglangSite.SAMPLING_MASK_LENGTH,
};

export const SGLANG_SITES = siteTable({
	members: new Map([
		[ROOT, { choices: CHOICES, id: SglangSite.ID }],
		[
			CHOICE,
			{
				meta_info: SglangSite.META,
				message: SglangSite.MESSAGE,
				finish_reason: SglangSite.FINISH_REASON,
				prompt_token_ids: SglangSite.PROMPT_TOKEN_IDS,
			},
		],
		[
			SglangSite.META,
			{
				prompt_tokens: SglangSite.PROMPT_TOKENS,
				completion_tokens: SglangSite.COMPLETION_TOKENS,
				output_token_logprobs: SglangSite.LOGPROBS,
				...PAYLOADS,
			},
		],
	]),
	payloads: new Map(Object.entries(PAYLOADS).map(([name, site]) => [site, name])),
	promptIds: SglangSite.PROMPT_TOKEN_IDS,
});
