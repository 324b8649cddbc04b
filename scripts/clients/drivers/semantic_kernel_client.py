"""semantic-kernel: ChatCompletionAgent with OpenAIChatCompletion on one thread."""
from typing import Annotated

from driver import loop, run
from openai import AsyncOpenAI
from semantic_kernel.agents import ChatCompletionAgent
from semantic_kernel.connectors.ai.open_ai import OpenAIChatCompletion
from semantic_kernel.functions import kernel_function


class Tools:
    @kernel_function(description="The weather of a city.")
    def get_weather(self, city: Annotated[str, "the city"]) -> str:
        return "sunny in " + city

    @kernel_function(description="Adds two numbers.")
    def add(self, a: int, b: float) -> str:
        return "42"


@loop("ChatCompletionAgent", rewrites="leaves out the text of answers that call tools")
async def _(session):
    client = AsyncOpenAI(base_url=session.base_url, api_key="none")
    service = OpenAIChatCompletion(ai_model_id="default", async_client=client)
    agent = ChatCompletionAgent(service=service, name="agent", instructions="You are an agent.", plugins=[Tools()])
    thread = None
    for turn in range(4):
        reply = await agent.get_response(messages=f"go {turn}", thread=thread)
        thread = reply.thread


run()
