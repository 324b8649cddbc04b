"""camel-ai: ChatAgent with an OpenAI-compatible model, stepped on its own memory."""
from camel.agents import ChatAgent
from camel.models import ModelFactory
from camel.toolkits import FunctionTool
from camel.types import ModelPlatformType
from driver import loop, run


def get_weather(city: str) -> str:
    """The weather of a city.

    Args:
        city (str): the city
    """
    return "sunny in " + city


def add(a: int, b: float) -> str:
    """Adds two numbers.

    Args:
        a (int): the one
        b (float): the other
    """
    return "42"


@loop("ChatAgent.step")
def _(session):
    model = ModelFactory.create(
        model_platform=ModelPlatformType.OPENAI_COMPATIBLE_MODEL,
        model_type="default",
        url=session.base_url,
        api_key="none",
    )
    tools = [FunctionTool(get_weather), FunctionTool(add)]
    agent = ChatAgent("You are an agent.", model=model, tools=tools)
    for turn in range(4):
        agent.step(f"go {turn}")


run()
