"""litellm completion(): message object, dump, json, hosted_vllm/, stream_chunk_builder, hand-made messages."""
import litellm
from driver import TOOLS, converse, loop, run


def ask(session, messages, model="openai/default", **more):
    place = {"api_base": session.base_url, "api_key": "none"}
    return litellm.completion(model=model, messages=messages, tools=TOOLS, **place, **more)


def message_of(reply):
    return reply.choices[0].message


@loop("completion(), message object")
def _(session):
    converse(lambda messages: message_of(ask(session, messages)))


@loop("completion(), message.model_dump()")
def _(session):
    converse(lambda messages: message_of(ask(session, messages)).model_dump())


@loop("completion(), message.json()")
def _(session):
    converse(lambda messages: message_of(ask(session, messages)).json())


@loop("hosted_vllm/ model, model_dump()")
def _(session):
    converse(lambda messages: message_of(ask(session, messages, "hosted_vllm/default")).model_dump())


@loop("stream=True, stream_chunk_builder")
def _(session):
    def step(messages):
        chunks = list(ask(session, messages, stream=True))
        return message_of(litellm.stream_chunk_builder(chunks, messages=messages)).model_dump()

    converse(step)


@loop("hand-made {role, content, tool_calls}")
def _(session):
    def step(messages):
        message = message_of(ask(session, messages))
        mine = {"role": "assistant", "content": message.content}
        if message.tool_calls:
            mine["tool_calls"] = [one.model_dump() for one in message.tool_calls]
        return mine

    converse(step)


run()
