"""What all tests keep to: the speed of the machine decides nothing, and no test imports another."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
FOLDERS = (ROOT / "tests",)
# Functions that a gateway runs in tests: they may take their time.
SAMPLES = ("samples", "samples_gateway")
# Helpers that ask again until a condition is true, with a bound that only a failure reaches.
POLLING = {
    "tests/support/waiting.py",
    "tests/support/users_of_base.py",  # for the next statement's turn
    "localstack/wsgate/tests/gateways.py",
    "localstack/wsgate/tests/waiting.py",
}
# Its clock is ahead as soon as nothing is left to do, so its sleeps take no time.
SKIPPING = {"tests/client/python/world.py"}
ORDER = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)

MODULES = [
    path
    for folder in FOLDERS
    for path in sorted(folder.rglob("*.py"))
    if not set(SAMPLES) & set(path.relative_to(folder).parts)
]
IN_EVERY_MODULE = pytest.mark.parametrize(
    "module", MODULES, ids=lambda path: str(path.relative_to(ROOT))
)


@IN_EVERY_MODULE
def test_nothing_is_imported_from_a_test_or_a_benchmark(module: Path) -> None:
    names = {part for name in imported(tree_of(module)) for part in name.split(".")}
    wrong = {name for name in names if name.startswith(("test_", "bench_")) or name == "conftest"}
    assert not wrong, "move what is shared into tests/support or bench/support"


@IN_EVERY_MODULE
def test_no_test_sleeps(module: Path) -> None:
    if str(module.relative_to(ROOT)) in POLLING | SKIPPING:
        return
    lines = [call.lineno for call in calls(tree_of(module)) if is_sleep(call)]
    assert not lines, "wait for a condition: tests/support/waiting.py"


@IN_EVERY_MODULE
def test_no_test_asserts_how_long_something_took(module: Path) -> None:
    if str(module.relative_to(ROOT)) in POLLING:
        return
    assert not list(timed_asserts(tree_of(module))), "move a clock that the test holds instead"


@pytest.mark.parametrize(
    "code",
    [
        "import time\nbegan = time.monotonic()\nassert time.monotonic() - began < 2",
        "import time\nbegan = time.perf_counter()\ntook = work() - began\nassert took <= 0.5",
        "from time import monotonic\nbegan = monotonic()\nassert 1 > monotonic() - began",
    ],
)
def test_an_assert_on_a_duration_is_found(code: str) -> None:
    assert list(timed_asserts(ast.parse(code)))


@pytest.mark.parametrize(
    ("code", "is_found"),
    [
        ("time.sleep(0.1)", True),
        ("await_(asyncio.sleep(seconds))", True),
        ("asyncio.sleep(0)", False),
        ("clock.sleep(3)", False),
    ],
)
def test_a_sleep_is_found(code: str, is_found: bool) -> None:
    assert any(map(is_sleep, calls(ast.parse(code)))) is is_found


def tree_of(module: Path) -> ast.Module:
    return ast.parse(module.read_text("utf-8"))


def imported(tree: ast.Module) -> Iterator[str]:
    """The dotted names of all that a module imports, names of modules only."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            yield node.module or ""
            if node.module in {"tests", "bench"}:
                yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def is_sleep(call: ast.Call) -> bool:
    """`time.sleep(…)` or `asyncio.sleep(…)`, but not `asyncio.sleep(0)`, which lets others run."""
    match call:
        case ast.Call(
            func=ast.Attribute(value=ast.Name(id="time" | "asyncio"), attr="sleep"), args=[seconds]
        ):
            return not (isinstance(seconds, ast.Constant) and seconds.value == 0)
    return False


def timed_asserts(tree: ast.Module) -> Iterator[int]:
    """The lines of asserts that order a reading of a clock, or what was made of one."""
    readings = {"monotonic", "perf_counter"} & {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "time"
        for alias in node.names
    }
    for scope in ast.walk(tree):
        if isinstance(scope, ast.Module | ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _timed_asserts(scope, readings)


def _timed_asserts(scope: ast.AST, readings: set[str]) -> Iterator[int]:
    def is_timed(expression: ast.AST) -> bool:
        return any(
            (isinstance(node, ast.Name) and node.id in timed)
            or (isinstance(node, ast.Call) and _reads_a_clock(node, readings))
            for node in ast.walk(expression)
        )  # fmt: skip

    timed: set[str] = set()
    for node in ast.walk(scope):
        if isinstance(node, ast.Assign) and is_timed(node.value):
            timed |= {name.id for name in node.targets if isinstance(name, ast.Name)}
        elif isinstance(node, ast.Assert):
            comparisons = (each for each in ast.walk(node.test) if isinstance(each, ast.Compare))
            for each in comparisons:
                if any(isinstance(order, ORDER) for order in each.ops) and is_timed(each):
                    yield node.lineno


def _reads_a_clock(call: ast.Call, readings: set[str]) -> bool:
    match call.func:
        case ast.Attribute(value=ast.Name(id="time"), attr=name):
            return name in {"monotonic", "perf_counter"}
        case ast.Name(id=name):
            return name in readings
    return False
