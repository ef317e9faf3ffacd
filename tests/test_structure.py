"""What the house promises of its own shape."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CORE = sorted((ROOT / "handlers" / "core").rglob("*.py"))
OPERATIONS = ("connect", "disconnect", "hello", "act", "claim", "sweep", "forget", "watch")
# Libraries that neither wait, nor read a clock, nor open a file when core calls them.
PURE = {
    "collections",
    "dataclasses",
    "datetime",
    "enum",
    "json",
    "typing",
    "uuid",
    "jwt",
    "msgspec",
}


@pytest.mark.parametrize("module", CORE, ids=lambda path: path.name)
def test_core_imports_only_core(module: Path) -> None:
    for node in ast.walk(ast.parse(module.read_text())):
        names = []
        if isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            assert name.startswith("handlers.core") or name.split(".")[0] in PURE | {
                "__future__"
            }, f"{module.name} imports {name}"


@pytest.mark.parametrize("operation", OPERATIONS)
def test_one_word_through_every_layer(operation: str) -> None:
    assert (ROOT / "handlers" / "core" / "operations" / f"{operation}.py").exists()
    assert (ROOT / "sql" / "queries" / f"{operation}.sql").exists()


def test_every_query_says_what_it_is() -> None:
    for path in (ROOT / "sql" / "queries").glob("*.sql"):
        name, sentence, *_ = path.read_text().splitlines()
        assert name == f"-- name: {path.stem}"
        assert sentence.startswith("-- ")


def test_localstack_does_not_shadow_its_namesake() -> None:
    """LocalStack's own package is called `localstack`: ours must not be one."""
    assert not (ROOT / "localstack" / "__init__.py").exists()
