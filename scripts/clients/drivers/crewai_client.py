"""crewai: its LLM class called with messages, the text of its answers appended by hand."""
from crewai import LLM
from driver import loop, run


@loop("LLM.call, text appended")
def _(session):
    llm = LLM(model="openai/default", base_url=session.base_url, api_key="none")
    messages = [{"role": "system", "content": "You are an agent."}]
    for turn in range(5):
        messages.append({"role": "user", "content": f"go {turn}"})
        messages.append({"role": "assistant", "content": llm.call(messages)})


run()
