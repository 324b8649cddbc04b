"""Writes what SGLang's own protocol classes make of tools, release by release, for test/tito/tool-schema.test.ts.

usage: python scripts/tool-schema-golden.py [RELEASE ...]      (needs pip, pydantic, openai; no GPU, no torch)

For every release the wheel is downloaded without its dependencies, the class `Tool` of
sglang/srt/entrypoints/openai/protocol.py is loaded with stand-ins for what it imports, and the tools of
test/tito/golden/tool-schema-inputs.json go through it as FastAPI would hand them in. What a chat template would print
of each (json.dumps without ASCII escapes, as transformers' `tojson` does) stands in tool-schema-<release>.json; null
where the release refuses the tool.
"""

import importlib.util
import json
import pathlib
import subprocess
import sys
import tempfile
import zipfile
from unittest.mock import MagicMock

RELEASES = ["0.5.13", "0.5.16", "0.5.22", "0.5.23"]
GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "test" / "tito" / "golden"
PROTOCOL = "sglang.srt.entrypoints.openai.protocol"
# Everything that is not needed to validate a tool: heavy, or bound to a GPU.
STOOD_IN = {"sglang", "torch", "xgrammar", "openai_harmony", "partial_json_parser", "transformers", "orjson", "PIL"}


def unpack(release, folder):
    """Only the one file is taken out of the wheel."""
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:"]
    subprocess.run(
        [*command, "--python-version", "3.12", "-d", str(folder), f"sglang=={release}"], check=True
    )
    wheel = next(folder.glob(f"sglang-{release}-*.whl"))
    with zipfile.ZipFile(wheel) as archive:
        return pathlib.Path(archive.extract(PROTOCOL.replace(".", "/") + ".py", folder / release))


class StandIns:
    def find_spec(self, name, path, target=None):
        if name == PROTOCOL or name.split(".")[0] not in STOOD_IN:
            return None
        return importlib.util.spec_from_loader(name, self, is_package=True)

    def create_module(self, spec):
        module = MagicMock(name=spec.name)
        module.__path__, module.__spec__, module.__name__ = [], spec, spec.name
        return module

    def exec_module(self, module):
        # Used as a type of fields, so it has to be a type.
        from pydantic import BaseModel

        module.StructuralTag = type("StructuralTag", (BaseModel,), {})


def tool_class(file):
    sys.meta_path.insert(0, StandIns())
    spec = importlib.util.spec_from_file_location(PROTOCOL, file)
    module = importlib.util.module_from_spec(spec)
    sys.modules[PROTOCOL] = module
    spec.loader.exec_module(module)
    return module.Tool


def shown(tool, text):
    from pydantic import ValidationError

    try:
        return json.dumps(tool(**json.loads(text)).model_dump(), ensure_ascii=False)
    except (ValidationError, TypeError):
        return None


def main(releases):
    inputs = json.loads((GOLDEN / "tool-schema-inputs.json").read_text("utf8"))
    if len(releases) != 1:
        # A process each: a module of that name can be loaded once.
        for release in releases:
            subprocess.run([sys.executable, __file__, release], check=True)
        return
    (release,) = releases
    with tempfile.TemporaryDirectory() as folder:
        tool = tool_class(unpack(release, pathlib.Path(folder)))
        out = {"release": release, "rendered": [shown(tool, text) for text in inputs]}
    file = GOLDEN / f"tool-schema-{release}.json"
    file.write_text(json.dumps(out, indent="\t", ensure_ascii=False) + "\n", "utf8")
    print(f"{release}: {sum(text is not None for text in out['rendered'])} of {len(inputs)} tools, the rest refused")


if __name__ == "__main__":
    main(sys.argv[1:] or RELEASES)
