"""autogen: AssistantAgent with OpenAIChatCompletionClient, tasks one after the other on its own context."""
from autogen_agentchat.agents import AssistantAgent
from autogen_ext.models.openai import OpenAIChatCompletionClient
from driver import loop, run

INFO = {"vision": False, "function_calling": True, "json_output": False, "family": "unknown", "structured_output": False}


async def get_weather(city: str) -> str:
    """The weather of a city."""
    return "sunny in " + city


async def add(a: int, b: float) -> str:
    """Adds two numbers."""
    return "42"


async def rounds(session, streamed):
    place = {"base_url": session.base_url, "api_key": "none"}
    client = OpenAIChatCompletionClient(model="default", model_info=INFO, **place)
    agent = AssistantAgent(
        "agent",
        model_client=client,
        tools=[get_weather, add],
        reflect_on_tool_use=False,
        max_tool_iterations=5,
        model_client_stream=streamed,
    )
    for turn in range(4):
        await agent.run(task=f"go {turn}")


@loop("AssistantAgent")
async def _(session):
    await rounds(session, False)


@loop("AssistantAgent, streamed")
async def _(session):
    await rounds(session, True)


run()
