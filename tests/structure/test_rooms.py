"""The handlers' rooms: which may import which, and how long anything may be."""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HANDLERS = ROOT / "handlers"

# Which rooms a room may import from. Edges are the files of handlers/ itself: Lambda calls them.
ALLOWED = {
    "edges": {"container", "web", "services", "adapters", "core"},
    "web": {"container", "services", "core"},
    "container": {"services", "adapters", "core"},
    "services": {"adapters", "core"},
    "adapters": {"core"},
    "core": set[str](),
}
# Libraries that neither wait, nor read a clock, nor open a file when core calls them.
PURE = {
    *("__future__", "base64", "collections", "contextlib", "dataclasses", "datetime", "enum"),
    *("functools", "hashlib", "hmac", "ipaddress", "json", "re", "typing", "urllib", "uuid"),
    *("jwt", "msgspec"),
}
MAX_EDGE_LINES, MAX_FUNCTION_LINES, MAX_CLASS_LINES = 40, 60, 300

FILES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(HANDLERS.rglob("*.py"))
}


def imports(path: Path) -> set[str]:
    """Everything that a file imports, for types only or inside a function as well."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            module = node.module or ""
            found |= {
                name if (name := f"{module}.{alias.name}") in FILES else module
                for alias in node.names
            }
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found


GRAPH = {
    module: {name for name in imports(path) if name in FILES and name != module}
    for module, path in FILES.items()
}


def room(module: str) -> str:
    parts = module.split(".")[1:]
    return parts[0] if parts and parts[0] in ALLOWED else "edges"


@pytest.mark.parametrize("module", GRAPH)
def test_arrows_point_inwards(module: str) -> None:
    outwards = {
        name
        for name in GRAPH[module]
        if room(name) != room(module) and room(name) not in ALLOWED[room(module)]
    }
    assert not outwards, f"{module} imports {outwards}"


def test_no_import_goes_round_in_a_circle() -> None:
    try:
        TopologicalSorter(GRAPH).prepare()
    except CycleError as error:
        pytest.fail(" → ".join(reversed(error.args[1])))


@pytest.mark.parametrize("module", [name for name in GRAPH if room(name) == "core"])
def test_core_imports_only_core_and_pure_libraries(module: str) -> None:
    libraries = {name.split(".")[0] for name in imports(FILES[module])} - {"handlers"}
    assert libraries <= PURE


@pytest.mark.parametrize("path", sorted(HANDLERS.glob("*.py")), ids=lambda path: path.name)
def test_an_edge_is_short(path: Path) -> None:
    if path.stem != "container":
        assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_EDGE_LINES


@pytest.mark.parametrize("module", FILES)
def test_functions_and_classes_are_short(module: str) -> None:
    for node in ast.walk(ast.parse(FILES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            most = MAX_CLASS_LINES if isinstance(node, ast.ClassDef) else MAX_FUNCTION_LINES
            lines = (node.end_lineno or 0) - node.lineno + 1
            assert lines <= most, f"{module}.{node.name} has {lines} lines"


def test_localstack_does_not_shadow_its_namesake() -> None:
    """LocalStack's own package is called `localstack`: ours must not be one."""
    assert not (ROOT / "localstack" / "__init__.py").exists()
