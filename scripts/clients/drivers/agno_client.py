"""agno: Agent with OpenAILike, its history kept in memory and sent again."""
from agno.agent import Agent
from agno.db.in_memory import InMemoryDb
from agno.models.openai.like import OpenAILike
from driver import loop, run


def get_weather(city: str) -> str:
    """The weather of a city."""
    return "sunny in " + city


def add(a: int, b: float) -> str:
    """Adds two numbers."""
    return "42"


def rounds(session, stream):
    agent = Agent(
        model=OpenAILike(id="default", base_url=session.base_url, api_key="none"),
        tools=[get_weather, add],
        instructions="You are an agent.",
        db=InMemoryDb(),
        add_history_to_context=True,
        num_history_runs=20,
        telemetry=False,
    )
    for turn in range(4):
        result = agent.run(f"go {turn}", session_id="one", stream=stream)
        if stream:
            for _ in result:
                pass


@loop("Agent.run")
def _(session):
    rounds(session, False)


@loop("Agent.run(stream=True)")
def _(session):
    rounds(session, True)


run()
