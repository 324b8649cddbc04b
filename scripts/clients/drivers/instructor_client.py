"""instructor: create_with_completion for a typed answer by a tool call; the raw message's dump and its tool result appended."""
import instructor
from driver import loop, run
from openai import OpenAI
from pydantic import BaseModel


class Weather(BaseModel):
    city: str
    days: float


@loop("create_with_completion, raw message appended")
def _(session):
    client = instructor.from_openai(OpenAI(base_url=session.base_url, api_key="none"))
    messages = [{"role": "system", "content": "You are an agent."}]
    for turn in range(5):
        messages.append({"role": "user", "content": f"go {turn}"})
        _, raw = client.chat.completions.create_with_completion(
            model="default", messages=messages, response_model=Weather, max_retries=1
        )
        message = raw.choices[0].message
        messages.append(message.model_dump())
        for one in message.tool_calls or []:
            messages.append({"role": "tool", "tool_call_id": one.id, "content": "ok"})


run()
