"""openai-agents (Python): OpenAIChatCompletionsModel under the SDK's own Runner, plain and streamed."""
from agents import Agent, OpenAIChatCompletionsModel, Runner, function_tool, set_tracing_disabled
from driver import loop, run
from openai import AsyncOpenAI

set_tracing_disabled(True)


@function_tool
def get_weather(city: str) -> str:
    """The weather of a city."""
    return "sunny in " + city


@function_tool
def add(a: int, b: int) -> str:
    """Adds two numbers."""
    return str(a + b)


async def rounds(session, streamed):
    client = AsyncOpenAI(base_url=session.base_url, api_key="none")
    model = OpenAIChatCompletionsModel(model="default", openai_client=client)
    agent = Agent(name="agent", instructions="You are an agent.", model=model, tools=[get_weather, add])
    items = "Go"
    for turn in range(5):
        if streamed:
            result = Runner.run_streamed(agent, items, max_turns=20)
            async for _ in result.stream_events():
                pass
        else:
            result = await Runner.run(agent, items, max_turns=20)
        items = result.to_input_list() + [{"role": "user", "content": f"next {turn}"}]


@loop("Runner.run")
async def _(session):
    await rounds(session, False)


@loop("Runner.run_streamed")
async def _(session):
    await rounds(session, True)


run()
