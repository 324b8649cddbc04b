"""verifiers: ChatDialect.parse_response and message_to_wire, the way its rollouts keep and resend an answer."""
from driver import TOOLS, converse, loop, run
from openai import OpenAI
from verifiers.v1.dialects.chat import ChatDialect, message_to_wire


@loop("ChatDialect parse_response, message_to_wire")
def _(session):
    client = OpenAI(base_url=session.base_url, api_key="none")
    dialect = ChatDialect()

    def step(messages):
        raw = client.chat.completions.create(model="default", messages=messages, tools=TOOLS)
        return message_to_wire(dialect.parse_response(raw).message)

    converse(step)


run()
