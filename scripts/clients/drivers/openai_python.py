"""openai-python: create() with every usual way to append its message, streams, async, the .stream() and .parse() helpers."""
import json

from driver import TOOLS, converse, loop, run
from openai import AsyncOpenAI, OpenAI

STRICT = [{**TOOLS[0], "function": {**TOOLS[0]["function"], "strict": True}}]


def client(session):
    return OpenAI(base_url=session.base_url, api_key="none")


def create(session, messages, **more):
    return client(session).chat.completions.create(model="default", messages=messages, tools=TOOLS, **more)


def asked(session, messages):
    return create(session, messages).choices[0].message


@loop("create(), message object")
def _(session):
    converse(lambda messages: asked(session, messages))


@loop("create(), message.model_dump()")
def _(session):
    converse(lambda messages: asked(session, messages).model_dump())


@loop("create(), model_dump(exclude_none=True)")
def _(session):
    converse(lambda messages: asked(session, messages).model_dump(exclude_none=True))


def by_hand(message, spell=lambda text: text):
    mine = {"role": "assistant", "content": message.content}
    if message.tool_calls:
        mine["tool_calls"] = [
            {
                "id": one.id,
                "type": "function",
                "function": {"name": one.function.name, "arguments": spell(one.function.arguments)},
            }
            for one in message.tool_calls
        ]
    return mine


@loop("create(), hand-made {role, content, tool_calls}")
def _(session):
    converse(lambda messages: by_hand(asked(session, messages)))


@loop("create(), hand-made, arguments serialised anew")
def _(session):
    converse(lambda messages: by_hand(asked(session, messages), lambda text: json.dumps(json.loads(text))))


def accumulated(chunks):
    content, reasoning, calls = "", "", {}
    for chunk in chunks:
        for choice in chunk.choices:
            content += choice.delta.content or ""
            reasoning += getattr(choice.delta, "reasoning_content", None) or ""
            for part in choice.delta.tool_calls or []:
                empty = {"id": "", "type": "function", "function": {"name": "", "arguments": ""}}
                one = calls.setdefault(part.index, empty)
                one["id"] += part.id or ""
                one["function"]["name"] += part.function.name or ""
                one["function"]["arguments"] += part.function.arguments or ""
    message = {"role": "assistant", "content": content}
    if reasoning:
        message["reasoning_content"] = reasoning
    if calls:
        message["tool_calls"] = list(calls.values())
    return message


@loop("create(stream=True), accumulated by hand")
def _(session):
    usage = {"include_usage": True}
    converse(lambda messages: accumulated(create(session, messages, stream=True, stream_options=usage)))


@loop("AsyncOpenAI create(), message object")
async def _(session):
    messages = [{"role": "user", "content": "Go"}]
    async with AsyncOpenAI(base_url=session.base_url, api_key="none") as agent:
        for turn in range(8):
            reply = await agent.chat.completions.create(model="default", messages=messages, tools=TOOLS)
            message = reply.choices[0].message
            messages.append(message)
            for one in message.tool_calls or []:
                messages.append({"role": "tool", "tool_call_id": one.id, "content": "ok"})
            if not message.tool_calls:
                messages.append({"role": "user", "content": f"more {turn}"})


def streamed(session, messages):
    with client(session).chat.completions.stream(model="default", messages=messages, tools=TOOLS) as events:
        return events.get_final_completion().choices[0].message


@loop(".stream() helper, message object")
def _(session):
    converse(lambda messages: streamed(session, messages), 6)


@loop(".stream() helper, model_dump()")
def _(session):
    converse(lambda messages: streamed(session, messages).model_dump(), 6)


def parsed(session, messages):
    reply = client(session).chat.completions.parse(model="default", messages=messages, tools=STRICT)
    return reply.choices[0].message


@loop(".parse() helper, message object")
def _(session):
    converse(lambda messages: parsed(session, messages), 6)


@loop(".parse() helper, model_dump()")
def _(session):
    converse(lambda messages: parsed(session, messages).model_dump(), 6)


run()
