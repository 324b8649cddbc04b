"""langchain-openai invoke and stream, and langgraph's prebuilt ReAct agent."""
from driver import loop, run
from langchain_core.messages import HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langgraph.prebuilt import create_react_agent


@tool
def get_weather(city: str) -> str:
    """The weather of a city."""
    return "sunny é " + city


@tool
def add(a: int, b: float) -> str:
    """Adds two numbers."""
    return "42"


def model(session, **more):
    return ChatOpenAI(base_url=session.base_url, api_key="none", model="default", **more)


def converse(session, ask, **more):
    llm = model(session, **more).bind_tools([get_weather, add])
    messages = [SystemMessage("You are an agent."), HumanMessage("Go")]
    for turn in range(8):
        message = ask(llm, messages)
        messages.append(message)
        for one in message.tool_calls:
            messages.append(ToolMessage(content="ok", tool_call_id=one["id"]))
        if not message.tool_calls:
            messages.append(HumanMessage(f"more {turn}"))


def streamed(llm, messages):
    whole = None
    for chunk in llm.stream(messages):
        whole = chunk if whole is None else whole + chunk
    return whole


@loop("ChatOpenAI.invoke")
def _(session):
    converse(session, lambda llm, messages: llm.invoke(messages))


@loop("ChatOpenAI.stream, chunks added")
def _(session):
    converse(session, streamed)


@loop("ChatOpenAI(streaming=True).invoke")
def _(session):
    converse(session, lambda llm, messages: llm.invoke(messages), streaming=True)


@loop("langgraph create_react_agent")
def _(session):
    graph = create_react_agent(model(session), [get_weather, add])
    state = {"messages": [HumanMessage("Go")]}
    for turn in range(4):
        state = graph.invoke(state)
        state["messages"].append(HumanMessage(f"more {turn}"))


run()
