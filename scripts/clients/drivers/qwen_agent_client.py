"""qwen-agent: Assistant over its `oai` model with native tool calls, its replies appended as it gives them."""
from driver import loop, run
from qwen_agent.agents import FnCallAgent
from qwen_agent.tools.base import BaseTool, register_tool


@register_tool("get_weather")
class Weather(BaseTool):
    description = "The weather of a city."
    parameters = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}

    def call(self, params, **kwargs):
        return "sunny"


def rounds(session, more):
    llm = {
        "model": "default",
        "model_type": "oai",
        "model_server": session.base_url,
        "api_key": "none",
        "generate_cfg": more,
    }
    agent = FnCallAgent(llm=llm, system_message="You are an agent.", function_list=["get_weather"])
    messages = []
    for turn in range(4):
        messages.append({"role": "user", "content": f"go {turn}"})
        last = []
        for last in agent.run(messages=messages):
            pass
        messages.extend(last)


@loop("FnCallAgent, use_raw_api")
def _(session):
    rounds(session, {"use_raw_api": True})


run()
