"""The reference pages have a heading for each name that the code has, and for no other."""

from __future__ import annotations

import ast
import re
import runpy
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from handlers.core.message import ACTIONS
from handlers.core.metrics import METRICS
from handlers.core.operations import act
from handlers.web import errors
from handlers.web.asyncapi import FROM_SERVER
from handlers.web.schemas.audience import Audience
from infra import monitoring
from tests.docs.markdown import HEADING, ROOT, headings, prose

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


REFERENCE = ROOT / "docs" / "reference"
TEMPLATE = ROOT / "template.yaml"


class Loader(yaml.SafeLoader):
    """Reads a template without asking what `!Ref` and the like refer to."""


Loader.add_multi_constructor("!", lambda _loader, _suffix, _node: None)


def _template(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.load(path.read_text(), Loader)  # noqa: S506  # a SafeLoader
    return loaded


def _below(page: str, level: int = 3, section: str = "") -> set[str]:
    """The headings of a level, of the whole page or of one section."""
    found, inside = set(), not section
    for line in prose(REFERENCE / page).splitlines():
        if match := HEADING.match(line):
            depth = len(line) - len(line.lstrip("#"))
            if section and depth < level:
                inside = match[1] == section
            elif inside and depth == level:
                found.add(match[1])
    return found


def test_every_template_parameter_has_its_heading_and_default() -> None:
    parameters = _template(TEMPLATE)["Parameters"]
    assert _below("parameters.md") == set(parameters)
    text = (REFERENCE / "parameters.md").read_text()
    for name, parameter in parameters.items():
        default = parameter.get("Default", "")
        section = text.split(f"### {name}\n")[1].split("\n#")[0]
        assert default == "" or f"Default: `{default}`" in section, name


def test_every_output_is_named_where_a_stack_is_deployed() -> None:
    page = (ROOT / "docs" / "how-to" / "deploy-to-aws.md").read_text()
    assert [name for name in _template(TEMPLATE)["Outputs"] if f"`{name}`" not in page] == []


def test_page_dashboard_and_board_are_what_the_list_of_metrics_says() -> None:
    for file, text in monitoring.written().items():
        assert (ROOT / file).read_text() == text, "run `.venv/bin/python -m infra.monitoring`"


def test_every_metric_and_alarm_has_its_heading() -> None:
    expected = {metric.name for metric in METRICS} | monitoring.ringing().keys()
    assert _below("metrics-and-alarms.md") == expected


@pytest.mark.parametrize("name", monitoring.ringing())
def test_every_alarm_has_its_runbook(name: str) -> None:
    description = monitoring.ringing()[name]["AlarmDescription"]
    page = re.search(r"Runbook: (docs/how-to/runbooks/([a-z-]+)\.md)$", description)
    assert page
    assert page[2] == re.sub(r"(?<!^)([A-Z])", r"-\1", name).lower()
    titles = ["What it means for users", "Look here first", "What to do"]
    assert list(headings(ROOT / page[1])) == [name, *titles, "How to know that it is over"]


def test_every_table_has_its_heading() -> None:
    dump = (ROOT / "sql" / "tables.sql").read_text()
    made = re.findall(r"^CREATE (?:UNLOGGED )?(?:TABLE|VIEW) public\.(\w+)", dump, re.MULTILINE)
    assert _below("schema.md") == set(made)


def test_every_table_with_ids_of_users_has_its_row() -> None:
    listed = ROOT / "sql" / "functions" / "person" / "user_tables.sql"
    tables = set(re.findall(r"^        \('(\w+)'", listed.read_text(), re.MULTILINE))
    page = (REFERENCE / "personal-data.md").read_text().split("\n## In tables\n")[1]
    text = page.split("\n## ")[0]
    assert tables
    assert set(re.findall(r"`(\w+)`", text)) - {"claim_id", "conflict", "keep_mentions"} == {
        *tables,
        "erasures",
        "past_sessions",
    }


def test_every_make_target_has_its_heading() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z][a-z-]*)(?=:[^=\n]*## )", makefile, re.MULTILINE))
    assert _below("make-targets.md") == {f"make {target}" for target in targets}


def test_every_message_type_has_its_heading() -> None:
    replies = set(FROM_SERVER)
    page = set(headings(REFERENCE / "websocket-protocol.md"))
    assert {*ACTIONS, "ping"} <= page
    assert {reply for reply in replies if f"{reply}, the answer" not in page} <= page
    for block in _json_types("action"):
        assert block in {*ACTIONS, "ping"}
    for block in _json_types("type"):
        assert block in replies


def test_every_websocket_code_has_its_heading() -> None:
    codes = set(_strings(calls=("BadMessage",))) | set(_strings(calls=("error",), argument=1))
    codes |= set(act.REFUSALS)
    assert _below("error-codes.md", section="WebSocket") == codes


def test_every_http_code_has_its_heading_and_status() -> None:
    """A code that WebSocket messages have too is marked in its heading."""
    text = (REFERENCE / "error-codes.md").read_text().split("\n## HTTP\n")[1].split("\n## ")[0]
    sections = re.findall(r"^### (\w+)(?: \(HTTP\))?\n\n(.+)", text, re.MULTILINE)
    documented = {code: set(re.findall(r"\b([45]\d\d):", first)) for code, first in sections}
    expected: dict[str, set[str]] = {}
    for one in vars(errors).values():
        if isinstance(one, errors.ErrorCode):
            expected.setdefault(one.code, set()).add(str(one.status))
    assert documented == expected


def _strings(calls: tuple[str, ...], argument: int = 0) -> Iterator[str]:
    """The literals that the handlers pass to functions of these names."""
    for folder in ("core", "services"):
        for file in (ROOT / "handlers" / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                if not isinstance(node, ast.Call) or len(node.args) <= argument:
                    continue
                name, value = node.func, node.args[argument]
                literal = isinstance(value, ast.Constant) and isinstance(value.value, str)
                if isinstance(name, ast.Name) and name.id in calls and literal:
                    yield ast.literal_eval(value)


def _json_types(key: str) -> list[str]:
    """The types of the messages that the page shows."""
    text = (REFERENCE / "websocket-protocol.md").read_text()
    return re.findall(rf'^\s*\{{?\s*"{key}": "([a-z]+)"', text, flags=re.MULTILINE)


def test_every_figure_of_an_audience_has_its_definition() -> None:
    moments = {"starts_at", "ends_at", "peak_at"}
    assert set(Audience.model_fields) - moments <= _below("definitions.md")


def test_what_is_published_of_the_api_is_what_the_app_says() -> None:
    script = runpy.run_path(str(ROOT / "docs" / "write_http_api.py"))
    for path, text in script["written"]().items():
        assert path.read_text() == text, "run `.venv/bin/python docs/write_http_api.py`"
