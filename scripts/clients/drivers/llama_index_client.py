"""llama-index: FunctionAgent over OpenAILike, with a chat memory."""
from driver import loop, run
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.llms.openai_like import OpenAILike


def get_weather(city: str) -> str:
    """The weather of a city."""
    return "sunny in " + city


def add(a: int, b: float) -> str:
    """Adds two numbers."""
    return "42"


async def rounds(session, streaming):
    place = {"api_base": session.base_url, "api_key": "none"}
    llm = OpenAILike(model="default", is_chat_model=True, is_function_calling_model=True, **place)
    prompt = "You are an agent."
    agent = FunctionAgent(tools=[get_weather, add], llm=llm, system_prompt=prompt, streaming=streaming)
    memory = ChatMemoryBuffer.from_defaults(token_limit=100000)
    for turn in range(4):
        await agent.run(f"go {turn}", memory=memory)


@loop("FunctionAgent")
async def _(session):
    await rounds(session, False)


@loop("FunctionAgent, streaming")
async def _(session):
    await rounds(session, True)


run()
