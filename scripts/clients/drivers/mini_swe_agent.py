"""mini-swe-agent: DefaultAgent with real local shell steps; the tool-call model and the text model."""
import os
import pathlib
import tempfile

os.environ.update(MSWEA_CONFIGURED="1", MSWEA_COST_TRACKING="ignore_errors", MSWEA_SILENT_STARTUP="1")

import minisweagent
import yaml
from driver import loop, run
from minisweagent.agents.default import DefaultAgent
from minisweagent.environments.local import LocalEnvironment
from minisweagent.models.litellm_model import LitellmModel
from minisweagent.models.litellm_textbased_model import LitellmTextbasedModel

CONFIG = pathlib.Path(minisweagent.__file__).parent / "config"
SUBMIT = "echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT"


def commands():
    note = pathlib.Path(tempfile.mkdtemp()) / "note.txt"
    return [f"echo 'hello é' > {note}", f"cat {note}", SUBMIT]


def work(session, kind, file):
    config = yaml.safe_load((CONFIG / file).read_text())
    settings = {key: value for key, value in config.get("model", {}).items() if key != "model_name"}
    place = {"api_base": session.base_url, "api_key": "none"}
    settings["model_kwargs"] = {**settings.get("model_kwargs", {}), **place}
    model = kind(model_name="openai/default", **settings)
    wanted = ("system_template", "instance_template")
    agent = {key: config["agent"][key] for key in wanted} | {"step_limit": 6, "cost_limit": 0}
    DefaultAgent(model, LocalEnvironment(**config.get("environment", {})), **agent).run("Create a file.")


@loop("DefaultAgent, tool-call model")
def _(session):
    session.script(*[("", "bash", {"command": text}) for text in commands()])
    work(session, LitellmModel, "mini.yaml")


@loop("DefaultAgent, text model")
def _(session):
    session.script(*[f"THOUGHT: go on.\n\n```mswea_bash_command\n{text}\n```" for text in commands()])
    work(session, LitellmTextbasedModel, "mini_textbased.yaml")


run()
