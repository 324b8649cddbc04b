"""strands-agents: Agent with OpenAIModel, called again and again on its own history."""
from driver import loop, run
from strands import Agent, tool
from strands.models.openai import OpenAIModel


@tool
def get_weather(city: str) -> str:
    """The weather of a city."""
    return "sunny in " + city


@tool
def add(a: int, b: float) -> str:
    """Adds two numbers."""
    return "42"


@loop("Agent, OpenAIModel")
def _(session):
    place = {"base_url": session.base_url, "api_key": "none"}
    model = OpenAIModel(client_args=place, model_id="default")
    agent = Agent(model=model, tools=[get_weather, add], system_prompt="You are an agent.", callback_handler=None)
    for turn in range(4):
        agent(f"go {turn}")


run()
