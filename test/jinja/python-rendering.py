# Renders every template of python-rendering.json with Python's jinja2 as transformers sets it up, and compares with the recording.
# Run by hand (python3 test/jinja/python-rendering.py); `npm test` needs no Python. Exit code 1 when a recording differs.
import copy
import json
import pathlib
import sys

import jinja2
from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment


def tojson(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols])
environment.filters["tojson"] = tojson
environment.globals["raise_exception"] = raise_exception

recorded = json.loads(pathlib.Path(__file__).with_suffix(".json").read_text())
printed = refused = differing = 0
for case in recorded["cases"]:
    try:
        text = environment.from_string(case["template"]).render(**copy.deepcopy(recorded["variables"]))
    except Exception:
        text = None
    if text != case.get("text"):
        differing += 1
        print(f"differs: {case['template']!r} gives {text!r}")
    elif text is None:
        refused += 1
    else:
        printed += 1
print(f"jinja2 {jinja2.__version__}: {printed} printed, {refused} refused, {differing} differ")
sys.exit(1 if differing else 0)
