"""smolagents: CodeAgent and ToolCallingAgent with OpenAIServerModel. Both write their history anew for every step."""
from driver import loop, run
from smolagents import CodeAgent, OpenAIServerModel, ToolCallingAgent, tool


@tool
def get_weather(city: str) -> str:
    """The weather of a city.

    Args:
        city: the city
    """
    return "sunny in " + city


def work(session, kind, **more):
    model = OpenAIServerModel(model_id="default", api_base=session.base_url, api_key="none")
    agent = kind(tools=[get_weather], model=model, max_steps=4, verbosity_level=0, **more)
    agent.run("What is the weather in Oslo?")


def code(text):
    return f"Thought: look it up.\n<code>\n{text}\n</code>"


LOOK = [code('print(get_weather("Oslo"))'), code('print(get_weather("Bergen"))'), code('final_answer("sunny")')]
CALLS = [
    ("", "get_weather", {"city": "Oslo"}),
    ("", "get_weather", {"city": "Bergen"}),
    ("", "final_answer", {"answer": "sunny"}),
]


@loop("CodeAgent", rewrites="writes `Calling tools: ...` after its answers")
def _(session):
    session.script(*LOOK)
    work(session, CodeAgent)


@loop("ToolCallingAgent", rewrites="writes its tool calls as text, `Calling tools: ...`")
def _(session):
    session.script(*CALLS)
    work(session, ToolCallingAgent)


@loop("ToolCallingAgent, streamed", rewrites="writes its tool calls as text, `Calling tools: ...`")
def _(session):
    session.script(*CALLS)
    work(session, ToolCallingAgent, stream_outputs=True)


run()
