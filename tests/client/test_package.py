"""The npm package: its files, and its TypeScript declarations."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

# npm and the TypeScript compiler.
pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
CLIENT = ROOT / "client"
TYPESCRIPT = Path(__file__).parent / "typescript"
# Only a failure takes so long: a busy machine does not.
TIMEOUT_SECONDS = 300


@pytest.fixture(scope="module")
def npm() -> str:
    found = shutil.which("npm")
    if found is None:
        pytest.skip("npm is not installed")
    return found


@pytest.fixture(scope="module")
def typescript(npm: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install package-lock.json's TypeScript in a copy, so that parallel test runs stay apart."""
    copy = tmp_path_factory.mktemp("repository")
    for name in ("client", "pages", "tests/client/typescript"):
        ignored = shutil.ignore_patterns("node_modules", "build")
        shutil.copytree(ROOT / name, copy / name, ignore=ignored)
    folder = copy / TYPESCRIPT.relative_to(ROOT)
    run(npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", folder=folder)
    return folder


def run(*command: str, folder: Path) -> str:
    """The command's output; its messages are the failure's."""
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_its_license_is_the_repositorys() -> None:
    assert (CLIENT / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()


def test_npm_packs_exactly_the_packages_files(npm: str) -> None:
    [packed] = json.loads(run(npm, "pack", "--dry-run", "--json", folder=CLIENT))
    sources = {f"src/{file.name}" for file in (CLIENT / "src").glob("*.js")}
    assert {file["path"] for file in packed["files"]} == sources | {
        "LICENSE",
        "README.md",
        "package.json",
        "types/headcount.d.ts",
        "types/types.d.ts",
    }


def test_the_packed_package_is_imported_by_its_name(npm: str, tmp_path: Path) -> None:
    """The commands of client/README.md, then an import in Node."""
    packed = run(npm, "pack", str(CLIENT), "--silent", folder=tmp_path).strip()
    (tmp_path / "package.json").write_text('{"private": true}')
    run(npm, "install", f"./{packed}", "--offline", "--no-audit", "--no-fund", folder=tmp_path)
    page = tmp_path / "page.mjs"
    page.write_text(
        'import * as all from "headcount-client"; console.log(Object.keys(all).sort());'
    )
    printed = run("node", str(page), folder=tmp_path)
    assert printed.split() == ["[", "'Headcount',", "'HeadcountError'", "]"]


def test_client_and_pages_pass_the_strict_type_check(npm: str, typescript: Path) -> None:
    run(npm, "run", "check", folder=typescript)


def test_the_declarations_are_written_from_the_sources(npm: str, typescript: Path) -> None:
    """`npm run types` in tests/client/typescript writes them again."""
    run(npm, "run", "build", folder=typescript)
    for name in ("headcount.d.ts", "types.d.ts"):
        assert (typescript / "build" / name).read_text() == (CLIENT / "types" / name).read_text()


def test_a_typescript_page_compiles_against_the_declarations(npm: str, typescript: Path) -> None:
    run(npm, "exec", "--offline", "--", "tsc", "-p", "consumer.json", folder=typescript)
