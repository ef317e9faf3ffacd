"""The npm package: its files, its size, and its TypeScript declarations."""

from __future__ import annotations

import gzip
import json
import shutil
import tarfile
from pathlib import Path

import jsonschema_rs
import pytest

from tests.support.npm import CLIENT, NOT_OURS, ROOT, installed, npm, packed, run

# npm and the TypeScript compiler.
pytestmark = pytest.mark.slow

TYPESCRIPT = Path(__file__).parent / "typescript"
GENERATED = ("http.d.ts", "messages.d.ts")
TYPES = ("headcount.d.ts", *GENERATED, "react.d.ts", "show.d.ts", "types.d.ts")
MAX_GZIP_BYTES = 15_300


@pytest.fixture(scope="module")
def typescript(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy with package-lock.json's tools, so that test runs stay apart."""
    copy = tmp_path_factory.mktemp("repository")
    for name in ("client", "docs/reference", "pages", "tests/client/typescript"):
        shutil.copytree(ROOT / name, copy / name, ignore=NOT_OURS)
    folder = copy / TYPESCRIPT.relative_to(ROOT)
    (folder / "node_modules").symlink_to(installed(TYPESCRIPT))
    return folder


@pytest.fixture(scope="module")
def tarball() -> Path:
    return packed()


@pytest.fixture(scope="module")
def package(tarball: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packed package, installed where nothing else is."""
    folder = tmp_path_factory.mktemp("page")
    (folder / "package.json").write_text('{"private": true}')
    run(npm(), "install", str(tarball), "--offline", "--no-audit", "--no-fund", folder=folder)
    return folder


def test_its_license_is_the_repositorys() -> None:
    assert (CLIENT / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()


def test_npm_packs_exactly_the_packages_files(tarball: Path) -> None:
    with tarfile.open(tarball) as archive:
        names = {name.removeprefix("package/") for name in archive.getnames()}
    sources = {f"src/{file.name}" for file in (CLIENT / "src").glob("*.js")}
    others = {"LICENSE", "README.md", "package.json", "dist/headcount.min.js"}
    assert names == sources | others | {f"types/{name}" for name in TYPES}


def test_it_depends_on_nothing_and_react_is_optional() -> None:
    manifest = json.loads((CLIENT / "package.json").read_text())
    assert "dependencies" not in manifest
    assert manifest["peerDependenciesMeta"] == {
        name: {"optional": True} for name in manifest["peerDependencies"]
    }


@pytest.mark.parametrize("folder", ["client", "examples/react", "tests/client/typescript"])
def test_a_lock_file_names_no_registry(folder: str) -> None:
    """Each reader's npm asks its own."""
    assert '"resolved"' not in (ROOT / folder / "package-lock.json").read_text()


def test_a_page_loads_little(package: Path) -> None:
    minified = package / "node_modules" / "headcount-client" / "dist" / "headcount.min.js"
    size = len(gzip.compress(minified.read_bytes()))
    assert size <= MAX_GZIP_BYTES


@pytest.mark.parametrize("path", ["headcount-client", "headcount-client/headcount.min.js"])
def test_the_packed_package_is_imported_by_its_name(package: Path, path: str) -> None:
    """In Node, as a server does that renders pages."""
    page = package / "page.mjs"
    page.write_text(f'import * as all from "{path}"; console.log(Object.keys(all).sort());')
    assert run("node", str(page), folder=package).split() == [
        "[",
        "'Headcount',",
        "'HeadcountError'",
        "]",
    ]


def test_bundlers_and_typescript_resolve_it(typescript: Path, tarball: Path) -> None:
    """As publint and are-the-types-wrong see it."""
    assert run("node", "package.mjs", str(tarball), folder=typescript) == "[]\n"


def test_client_and_pages_pass_the_strict_type_check(typescript: Path) -> None:
    run(npm(), "run", "check", folder=typescript)


def test_the_declarations_are_written_from_the_sources(typescript: Path) -> None:
    """`npm run types` in tests/client/typescript writes them again."""
    run(npm(), "run", "build", folder=typescript)
    run(npm(), "run", "contracts", folder=typescript)
    for name in TYPES:
        assert (typescript / "build" / name).read_text() == (CLIENT / "types" / name).read_text()


def test_the_asyncapi_document_is_one(typescript: Path) -> None:
    """By the schema of its own authors."""
    schema = typescript / "node_modules" / "@asyncapi" / "specs" / "schemas" / "3.0.0.json"
    document = json.loads((ROOT / "docs" / "reference" / "asyncapi.json").read_text())
    validator = jsonschema_rs.Draft7Validator(json.loads(schema.read_text()))
    assert [str(error) for error in validator.iter_errors(document)] == []


def test_a_typescript_page_compiles_against_the_declarations(typescript: Path) -> None:
    run(npm(), "exec", "--offline", "--", "tsc", "-p", "consumer.json", folder=typescript)
