"""Write the types of the WebSocket's messages and of the HTTP API into the package.

Run `.venv/bin/python client/python/write_types.py`. A test compares them with what docs/reference
publishes, so do it after that has changed.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "client" / "python" / "src" / "headcount_client"
SOURCES = {"messages.py": "asyncapi.json", "http.py": "openapi.json"}
OPTIONS = (
    *("--input-file-type", "openapi", "--output-model-type", "typing.TypedDict"),
    *("--target-python-version", "3.11", "--use-union-operator", "--use-schema-description"),
    *("--disable-timestamp", "--formatters", "builtin"),
)
RUFF = (sys.executable, "-m", "ruff")
HEAD = '"""Written from docs/reference/{} by client/python/write_types.py."""\n\n'


def main() -> None:
    for name, text in written().items():
        (PACKAGE / name).write_text(text)
        print(f"wrote {(PACKAGE / name).relative_to(ROOT)}")


def written() -> dict[str, str]:
    """The modules, by file name."""
    with TemporaryDirectory() as folder:
        return {name: _types(source, Path(folder)) for name, source in SOURCES.items()}


def _types(source: str, folder: Path) -> str:
    document = json.loads((ROOT / "docs" / "reference" / source).read_text())
    # As one of OpenAPI, which the generator reads; a release may add members to all of them.
    schemas = _opened(document["components"]["schemas"])
    whole = {"openapi": "3.1.0", "info": document["info"], "paths": {}}
    whole["components"] = {"schemas": schemas}
    given, made = folder / "document.json", folder / "types.py"
    given.write_text(json.dumps(whole))
    generate = (sys.executable, "-m", "datamodel_code_generator")
    _run(*generate, "--input", str(given), "--output", str(made), *OPTIONS)
    text = HEAD.format(source) + made.read_text().partition("\n\n")[2]
    made.write_text(text)
    # In the repository's own style.
    config = ("--config", str(ROOT / "pyproject.toml"), str(made))
    _run(*RUFF, "check", "--fix", "--exit-zero", *config)
    _run(*RUFF, "format", *config)
    return made.read_text()


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603  # our own


def _opened(part: Any) -> Any:
    if isinstance(part, list):
        return [_opened(one) for one in part]
    if isinstance(part, dict):
        return {key: _opened(one) for key, one in part.items() if key != "additionalProperties"}
    return part


if __name__ == "__main__":
    main()
