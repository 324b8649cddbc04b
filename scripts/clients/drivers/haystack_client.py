"""haystack: its Agent with OpenAIChatGenerator, the messages of a run handed to the next."""
from driver import loop, run
from haystack.components.agents import Agent
from haystack.components.generators.chat import OpenAIChatGenerator
from haystack.dataclasses import ChatMessage
from haystack.tools import tool
from haystack.utils import Secret


@tool
def get_weather(city: str) -> str:
    """The weather of a city."""
    return "sunny in " + city


@tool
def add(a: int, b: float) -> str:
    """Adds two numbers."""
    return "42"


@loop("Agent, OpenAIChatGenerator")
def _(session):
    place = {"api_base_url": session.base_url, "api_key": Secret.from_token("none")}
    agent = Agent(chat_generator=OpenAIChatGenerator(model="default", **place), tools=[get_weather, add])
    messages = [ChatMessage.from_system("You are an agent.")]
    for turn in range(4):
        messages = agent.run(messages=[*messages, ChatMessage.from_user(f"go {turn}")])["messages"]


run()
