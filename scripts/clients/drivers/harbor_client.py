"""harbor: the Chat of Terminus-2 over its LiteLLM, interleaved_thinking off (its default) and on."""
import os

from driver import loop, run
from harbor.llms.chat import Chat
from harbor.llms.lite_llm import LiteLLM

os.environ["OPENAI_API_KEY"] = os.environ["HOSTED_VLLM_API_KEY"] = "none"
COSTS = {"input_cost_per_token": 0, "output_cost_per_token": 0}


async def rounds(session, model, interleaved):
    llm = LiteLLM(
        model_name=model,
        api_base=session.base_url,
        session_id=session.id,
        collect_rollout_details=True,
        model_info={"max_input_tokens": 32000, "max_output_tokens": 4000, **COSTS},
    )
    chat = Chat(llm, interleaved_thinking=interleaved)
    for turn in range(5):
        await chat.chat(f"do {turn}")


@loop("Terminus-2 Chat")
async def _(session):
    await rounds(session, "openai/default", False)


@loop("Terminus-2 Chat, interleaved_thinking=True")
async def _(session):
    await rounds(session, "openai/default", True)


@loop("Terminus-2 Chat, hosted_vllm/")
async def _(session):
    await rounds(session, "hosted_vllm/default", False)


@loop("Terminus-2 Chat, hosted_vllm/, interleaved_thinking=True")
async def _(session):
    await rounds(session, "hosted_vllm/default", True)


run()
