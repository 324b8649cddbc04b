"""google-adk: LlmAgent over its LiteLlm model, one session of its InMemoryRunner."""
from driver import loop, run
from google.adk.agents import LlmAgent
from google.adk.models.lite_llm import LiteLlm
from google.adk.runners import InMemoryRunner
from google.genai import types


def get_weather(city: str) -> str:
    """The weather of a city."""
    return "sunny in " + city


def add(a: int, b: float) -> str:
    """Adds two numbers."""
    return "42"


@loop("LlmAgent, LiteLlm")
async def _(session):
    model = LiteLlm(model="openai/default", api_base=session.base_url, api_key="none")
    agent = LlmAgent(name="agent", model=model, instruction="You are an agent.", tools=[get_weather, add])
    runner = InMemoryRunner(agent=agent, app_name="app")
    mine = await runner.session_service.create_session(app_name="app", user_id="user")
    for turn in range(4):
        text = types.Content(role="user", parts=[types.Part(text=f"go {turn}")])
        async for _ in runner.run_async(user_id="user", session_id=mine.id, new_message=text):
            pass


run()
