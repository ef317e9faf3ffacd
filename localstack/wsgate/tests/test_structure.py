"""The shape of wsgate: imports lead inwards and in no circle, and no unit is too long to read."""

from __future__ import annotations

import ast
import re
from functools import cache
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

import pytest

from command import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SOURCE = ROOT / "src" / "wsgate"
# `waiting` asks again and again, `gateways` ticks, and a conformance client listens for a moment
# to hear nothing: a slow machine makes none of them fail.
SLEEPERS = {"waiting.py", "gateways.py", "sockets.py"}
# The samples are functions that a gateway runs in tests.
TESTS = [
    path
    for path in sorted((ROOT / "tests").rglob("*.py"))
    if not {"samples", "samples_emitters", "samples_gateway", "node_modules"} & set(path.parts)
]
MAX_FUNCTION_LINES = 60
MAX_CLASS_LINES = 300

# Each room, and the rooms that it may import. A module at the top is a room of its own.
LEAVES = frozenset(
    {"threads", "loops", "restarts", "version", "certificates", "masking", "model", "sam_project"}
    | {"moto_program"}
)
INNER = LEAVES | {"logs", "expressions", "core"}
EDGES = INNER | {"transport", "apis", "console"}
ROOMS: dict[str, frozenset[str]] = {
    **dict.fromkeys(LEAVES, frozenset()),
    "open_files": frozenset({"model"}),
    "doctor": frozenset({"model", "open_files"}),
    "logs": LEAVES,
    "expressions": LEAVES,
    "core": LEAVES | {"expressions"},
    "metrics": LEAVES | {"logs", "core"},
    "transport": INNER,
    "apis": INNER | {"transport"},
    "console": INNER | {"transport", "apis"},
    "node": EDGES | {"open_files"},
    "functions": INNER | {"metrics"},
    "template": INNER | {"functions"},
    "triggers": INNER | {"functions", "transport", "apis", "metrics"},
    "credentials": INNER | {"functions"},
    "stand_ins": INNER | {"functions", "transport", "apis"},
    "nodes": EDGES | {"node"},
    "output": INNER,
    "options": INNER,
    "notices": INNER | {"options"},
    "serve": EDGES
    | {"options", "notices"}
    | {"open_files", "node", "nodes", "functions", "template", "triggers", "credentials"}
    | {"metrics", "stand_ins"},
    "comparison": INNER | {"serve"},
    "__main__": EDGES | {"serve", "output", "credentials", "doctor", "comparison"},
    "__init__": frozenset(),
}

MODULES = {
    ".".join(path.relative_to(SOURCE).with_suffix("").parts): path for path in SOURCE.rglob("*.py")
}


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(path: Path) -> Iterator[str]:
    """The name of each module that a file imports, wherever in the file it does."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} has a relative import"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def graph() -> dict[str, set[str]]:
    """The modules that each module of wsgate imports, type imports included."""
    return {
        name: {
            target.removeprefix("wsgate.")
            for target in imported(path)
            if target.removeprefix("wsgate.") in MODULES and target.startswith("wsgate.")
        }
        for name, path in MODULES.items()
    }


def room(module: str) -> str:
    return module.partition(".")[0]


def test_no_import_leads_in_a_circle() -> None:
    try:
        TopologicalSorter(graph()).prepare()
    except CycleError as error:
        pytest.fail(" → ".join(error.args[1]))


def test_imports_lead_inwards() -> None:
    outwards = [
        f"{module} imports {target}"
        for module, targets in graph().items()
        for target in sorted(targets)
        if room(target) != room(module) and room(target) not in ROOMS[room(module)]
    ]
    assert outwards == []


def test_rooms_have_no_circle() -> None:
    TopologicalSorter(ROOMS).prepare()


def test_every_room_is_in_the_table() -> None:
    assert {room(module) for module in MODULES} == set(ROOMS)


def test_no_function_is_too_long() -> None:
    assert longer_than(MAX_FUNCTION_LINES, ast.FunctionDef, ast.AsyncFunctionDef) == []


def test_no_class_is_too_long() -> None:
    assert longer_than(MAX_CLASS_LINES, ast.ClassDef) == []


def longer_than(most: int, *kinds: type[ast.AST]) -> list[str]:
    return [
        f"{module}.{node.name}: {length} lines"
        for module, path in MODULES.items()
        for node in ast.walk(parsed(path))
        if isinstance(node, kinds)
        and isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and (length := (node.end_lineno or 0) - node.lineno + 1) > most
    ]


@pytest.mark.parametrize("module", TESTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_is_imported_from_a_test(module: Path) -> None:
    parts = {part for name in imported(module) for part in name.split(".")}
    wrong = {part for part in parts if part.startswith("test_") or part == "conftest"}
    assert not wrong, "move what is shared into a module of its own"


@pytest.mark.parametrize("module", TESTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_speed_of_the_machine_decides_no_test(module: Path) -> None:
    sleeps = [
        node.lineno
        for node in ast.walk(parsed(module))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in {"asyncio.sleep", "time.sleep"}
        and ast.unparse(node.args[0]) != "0"
    ]
    assert module.name in SLEEPERS or not sleeps, "wait for a condition: waiting.py"
    assert not list(upper_bounds(parsed(module))), "move a clock that the test holds instead"


@pytest.mark.parametrize(
    ("code", "is_found"),
    [
        ("assert time.monotonic() - began < 2", True),
        ("took = perf_counter() - began\nassert took <= 2", True),
        ("assert 2 > monotonic() - began", True),
        ("assert monotonic() - began >= 2", False),
        ("assert took < 2", False),
    ],
)
def test_an_upper_bound_on_a_duration_is_found(code: str, is_found: bool) -> None:
    assert bool(list(upper_bounds(ast.parse(code)))) is is_found


def upper_bounds(tree: ast.Module) -> Iterator[int]:
    """The lines of asserts that something took at most so long.

    At least so long is another matter: a slow machine cannot make that fail."""
    clocks = {"monotonic", "perf_counter", "seconds_since"}

    def is_duration(expression: ast.expr) -> bool:
        names = re.findall(r"\w+", ast.unparse(expression))
        return not clocks.isdisjoint(names) or not taken.isdisjoint(names)

    taken: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and is_duration(node.value):
            taken |= {name.id for name in node.targets if isinstance(name, ast.Name)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            less = isinstance(node.ops[-1], ast.Lt | ast.LtE)
            more = isinstance(node.ops[-1], ast.Gt | ast.GtE)
            if (less and is_duration(node.left)) or (more and is_duration(node.comparators[-1])):
                yield node.lineno
