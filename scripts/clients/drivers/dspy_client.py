"""dspy: its LM (litellm) called with messages, its answers' text appended by hand."""
import dspy
from driver import loop, run


@loop("dspy.LM, text appended")
def _(session):
    lm = dspy.LM("openai/default", api_base=session.base_url, api_key="none", cache=False)
    messages = [{"role": "system", "content": "You are an agent."}]
    for turn in range(5):
        messages.append({"role": "user", "content": f"go {turn}"})
        answer = lm(messages=messages)[0]
        messages.append({"role": "assistant", "content": answer if isinstance(answer, str) else answer["text"]})


run()
