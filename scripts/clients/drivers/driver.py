"""What every Python driver shares: sessions, scripted answers, tools, and one line of JSON a loop on stdout.

A driver registers loops with @loop and ends with run(). A loop gets a Session and drives one client against it as
that client's users would; it changes nothing of the client. ROLLPIN_URL is where the cluster is reached,
ROLLPIN_CONTROL the control plane of the simulated engine, ROLLPIN_REASONING=1 when its answers have reasoning.
"""
import asyncio
import inspect
import json
import os
import sys
import traceback
import urllib.request

URL = os.environ["ROLLPIN_URL"]
CONTROL = os.environ["ROLLPIN_CONTROL"]
REASONING = os.environ.get("ROLLPIN_REASONING") == "1"
LOOPS = []


def schema(**properties):
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def function(name, parameters):
    return {"type": "function", "function": {"name": name, "description": f"Tool {name}", "parameters": parameters}}


TOOLS = [
    function("get_weather", schema(city={"type": "string"})),
    function("add", schema(a={"type": "integer"}, b={"type": "number"})),
]


def call(url, method, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, method=method, headers={"content-type": "application/json"})
    with urllib.request.urlopen(request) as reply:
        return json.loads(reply.read() or b"null")


class Session:
    """One session of the cluster, made for one loop."""

    def __init__(self):
        self.id = call(f"{URL}/sessions", "POST", {})["session_id"]
        self.base_url = f"{URL}/sessions/{self.id}/v1"

    def script(self, *answers):
        """The engine's next answers in this session: text, or (content, tool name, arguments)."""
        for at, answer in enumerate(answers):
            content, name, arguments = answer if isinstance(answer, tuple) else (answer, None, None)
            message = {"role": "assistant", "content": content}
            sampled = content
            if REASONING:
                message["reasoning_content"] = f"Step {at}: think first."
                sampled = f"<think>\n{message['reasoning_content']}\n</think>\n\n{content}"
            if name is not None:
                spelled = json.dumps(arguments, ensure_ascii=False)
                sampled += f'\n<tool_call>\n{{"name": "{name}", "arguments": {spelled}}}\n</tool_call>'
                called = {"name": name, "arguments": spelled}
                message["tool_calls"] = [{"id": f"call_{at:024x}", "index": 0, "type": "function", "function": called}]
            mine = {"header": {"name": "x-smg-routing-key", "value": self.id}}
            reason = "stop" if name is None else "tool_calls"
            body = {"match": mine, "text": sampled, "message": message, "finishReason": reason}
            call(f"{CONTROL}/script", "POST", [body])


def loop(label, rewrites=None):
    """Registers a loop. rewrites: why it does not send its history back as it was, for clients that do not."""

    def register(drive):
        LOOPS.append((label, rewrites, drive))
        return drive

    return register


def converse(step, rounds=8, system="You are an agent."):
    """A hand-written agent: step(messages) asks the model and gives the message to append; tools are answered."""
    messages = [{"role": "system", "content": system}, {"role": "user", "content": "Go"}]
    for turn in range(rounds):
        message = step(messages)
        messages.append(message)
        read = message.get if isinstance(message, dict) else lambda key: getattr(message, key, None)
        calls = read("tool_calls") or []
        for one in calls:
            messages.append({"role": "tool", "tool_call_id": id_of(one), "content": f"result {turn} é"})
        if not calls:
            messages.append({"role": "user", "content": f"more {turn}"})


def id_of(call):
    return call["id"] if isinstance(call, dict) else call.id


def run():
    real_stdout = os.dup(1)
    os.dup2(2, 1)  # what a client prints is not the protocol
    for label, rewrites, drive in LOOPS:
        session = Session()
        error = None
        try:
            result = drive(session)
            if inspect.isawaitable(result):
                asyncio.run(wait(result))
        except BaseException as problem:  # a client may raise SystemExit
            error = f"{type(problem).__name__}: {problem}"[:500]
            traceback.print_exc(file=sys.stderr)
        line = {"loop": label, "session": session.id, "rewrites": rewrites, "error": error}
        os.write(real_stdout, (json.dumps(line) + "\n").encode())
    sys.stdout.flush()
    os._exit(0)  # background threads of a client (telemetry) must not hold the run up


async def wait(awaitable):
    return await awaitable
