"""The unmodified OpenSandbox SDK against one cluster: what it does, compared, one JSON line each. Arguments: host, image, resources, token."""

import asyncio
import json
import logging
import sys
from datetime import timedelta

from opensandbox import Sandbox
from opensandbox.config import ConnectionConfig
from opensandbox.manager import SandboxManager
from opensandbox.models.execd import ExecutionHandlers, RunCommandOpts
from opensandbox.models.filesystem import (
    ContentReplaceEntry,
    DirectoryListEntry,
    MoveEntry,
    SearchEntry,
    SetPermissionEntry,
    WriteEntry,
)
from opensandbox.models.sandboxes import NetworkPolicy, NetworkRule, SandboxFilter

logging.disable(logging.CRITICAL)
URL, IMAGE, RESOURCE = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
CONFIG = ConnectionConfig(domain=URL, protocol="http", api_key=sys.argv[4], use_server_proxy=True)
TTL = timedelta(minutes=2)


def row(what: str, said: object, wanted: object) -> None:
    print(json.dumps({"what": what, "said": str(said), "ok": said == wanted}), flush=True)


async def refusal(awaitable) -> str:
    try:
        await awaitable
    except Exception as error:
        return f"{type(error).__name__} {getattr(error, 'status_code', None)}"
    return "nothing"


def texts(messages) -> str:
    return "".join(message.text for message in messages)


async def create(**over):
    settings = {"timeout": TTL, "resource": RESOURCE, "connection_config": CONFIG, **over}
    return await Sandbox.create(IMAGE, **settings)


async def commands(box: Sandbox) -> None:
    run = box.commands.run
    ran = await run("printf 'a\\nb'; echo $V >&2; exit 3", opts=RunCommandOpts(envs={"V": "é"}))
    said = (texts(ran.logs.stdout), texts(ran.logs.stderr), ran.exit_code)
    row("run: stdout, stderr, exit code", said, ("a\nb", "é\n", 3))
    ran = await run(["printf", "%s", "$V"])
    row("run with a list of arguments", (ran.text, ran.exit_code), ("$V", 0))
    ran = await run("sleep 60", opts=RunCommandOpts(timeout=timedelta(seconds=1)))
    row("run over its timeout", (ran.error.name, ran.exit_code), ("CommandTimeout", -1))
    ran = await run("pwd", opts=RunCommandOpts(working_directory="/tmp"))
    row("run in a directory", ran.text, "/tmp")
    ran = await run("true", opts=RunCommandOpts(uid=12345))
    row("run as another user", ran.exit_code, 126)
    ran = await run("echo begun; sleep 60", opts=RunCommandOpts(background=True))
    status = await box.commands.get_command_status(ran.id)
    row("run in the background", (status.running, status.exit_code), (True, None))
    await box.commands.interrupt(ran.id)
    status = await box.commands.get_command_status(ran.id)
    logs = await box.commands.get_background_command_logs(ran.id)
    row("interrupt it, read its output", (status.running, logs.content), (False, "begun\n"))
    started: asyncio.Future = asyncio.get_running_loop().create_future()

    async def on_init(init) -> None:
        started.set_result(init.id)

    running = asyncio.create_task(run("sleep 60", handlers=ExecutionHandlers(on_init=on_init)))
    await box.commands.interrupt(await started)
    row("interrupt one in the foreground", (await running).error.name, "CommandInterrupted")


async def files(box: Sandbox) -> None:
    every = bytes(range(256)) * 4096
    entries = [
        WriteEntry(path="/workspace/d/a.txt", data="é\n", mode=640),
        WriteEntry(path="/workspace/d/b.bin", data=every, mode=644),
        WriteEntry(path="/workspace/run.sh", data="#!/bin/bash\necho ran", mode=755),
    ]
    await box.files.write_files(entries)
    row("write_files, run one of them", (await box.commands.run("./run.sh")).text, "ran")
    row("read_bytes, 1 MiB", await box.files.read_bytes("/workspace/d/b.bin") == every, True)
    part = await box.files.read_bytes("/workspace/d/b.bin", range_header="bytes=254-257")
    row("read_bytes of a range", part, b"\xfe\xff\x00\x01")
    info = (await box.files.get_file_info(["/workspace/d/a.txt"]))["/workspace/d/a.txt"]
    row("get_file_info", (info.size, info.mode, info.entry_type), (3, 640, "file"))
    listed = await box.files.list_directory(DirectoryListEntry(path="/workspace", depth=2))
    found = await box.files.search(SearchEntry(path="/workspace", pattern="*.txt"))
    row("list_directory, search", (len(listed), [each.path for each in found]), (4, ["/workspace/d/a.txt"]))
    await box.files.create_directories([WriteEntry(path="/workspace/p/q", mode=700)])
    await box.files.move_files([MoveEntry(src="/workspace/d/a.txt", dest="/workspace/p/q/c")])
    await box.files.set_permissions([SetPermissionEntry(path="/workspace/p/q/c", mode=600)])
    replace = [ContentReplaceEntry(path="/workspace/p/q/c", old_content="é", new_content="e")]
    await box.files.replace_contents(replace)
    said = (await box.commands.run("stat -c %a p/q p/q/c; cat p/q/c")).text
    row("create_directories, move_files, set_permissions, replace_contents", said, "700\n600\ne")
    await box.files.delete_files(["/workspace/p/q/c"])
    await box.files.delete_directories(["/workspace/d", "/workspace/p"])
    row("delete_files, delete_directories", (await box.commands.run("echo *")).text, "run.sh")
    row("read what is not there", await refusal(box.files.read_file("/workspace/no")), "SandboxApiException 404")


async def refusals(box: Sandbox) -> None:
    egress = NetworkPolicy(defaultAction="deny", egress=[NetworkRule(action="allow", target="a.example")])
    asked = {
        "create without an end": create(timeout=None),
        "create with a list of hosts": create(network_policy=egress),
        "create with an entrypoint": create(entrypoint=["python", "x.py"]),
        "create without use_server_proxy": create(
            connection_config=ConnectionConfig(domain=URL, protocol="http", api_key=sys.argv[4])
        ),
        "renew beyond the longest life": box.renew(timedelta(days=400)),
        "another port": box.get_endpoint(8080),
    }
    for what, awaitable in asked.items():
        row(what, await refusal(awaitable), "SandboxApiException 400")
    for what, awaitable in {"pause": box.pause(), "create_session": box.commands.create_session()}.items():
        row(what, await refusal(awaitable), "SandboxApiException 404")
    wrong = ConnectionConfig(domain=URL, protocol="http", api_key="another", use_server_proxy=True)
    row("another token", await refusal(create(connection_config=wrong)), "SandboxApiException 401")


async def main() -> None:
    box = await create(env={"A": "b"}, metadata={"client": "sdk"})
    info = await box.get_info()
    row("create, get_info, is_healthy", (info.status.state, await box.is_healthy()), ("Running", True))
    await commands(box)
    await files(box)
    renewed = await box.renew(timedelta(minutes=5))
    row("renew", (await box.get_info()).expires_at == renewed.expires_at, True)
    manager = await SandboxManager.create(CONFIG)
    listed = await manager.list_sandbox_infos(SandboxFilter(metadata={"client": "sdk"}))
    row("list by metadata", [each.id == box.id for each in listed.sandbox_infos], [True])
    again = await Sandbox.connect(box.id, connection_config=CONFIG)
    row("connect", (await again.commands.run("echo $A")).text, "b")
    await refusals(box)
    started: asyncio.Future = asyncio.get_running_loop().create_future()

    async def on_init(init) -> None:
        started.set_result(init.id)

    running = asyncio.create_task(box.commands.run("sleep 60", handlers=ExecutionHandlers(on_init=on_init)))
    await started
    await box.kill()
    row("kill under a command", await refusal(running), "SandboxConnectionException None")
    row("get_info after it", await refusal(box.get_info()), "SandboxApiException 404")
    await box.close()


asyncio.run(main())
