"""pydantic-ai: Agent.run and Agent.run_stream with OpenAIChatModel, history handed on between runs."""
from driver import loop, run
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider


def agent_of(session):
    model = OpenAIChatModel("default", provider=OpenAIProvider(base_url=session.base_url, api_key="none"))
    agent = Agent(model, system_prompt="You are an agent.")

    @agent.tool_plain
    def get_weather(city: str) -> str:
        return "sunny"

    @agent.tool_plain
    def add(a: int, b: float) -> str:
        return "42"

    return agent


@loop("Agent.run")
async def _(session):
    agent, history = agent_of(session), None
    for turn in range(5):
        result = await agent.run(f"go {turn}", message_history=history)
        history = result.all_messages()


@loop("Agent.run_stream")
async def _(session):
    agent, history = agent_of(session), None
    for turn in range(5):
        async with agent.run_stream(f"go {turn}", message_history=history) as result:
            await result.get_output()
            history = result.all_messages()


run()
