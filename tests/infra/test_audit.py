"""`make audit`, with advisory services of the test's own: none is asked outside."""

from __future__ import annotations

import fcntl
import gzip
import json
import re
import shutil
import subprocess
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any

import pytest

from infra import audit
from infra.check import ROOT
from tests.support.served import served

if TYPE_CHECKING:
    from collections.abc import Iterator

# It installs the tools of `make audit`.
pytestmark = pytest.mark.slow

# Only a failure takes so long: a busy machine does not.
TIMEOUT_SECONDS = 600
CLOSED = "http://127.0.0.1:1"
UNSAFE = "msgspec"
OSV, NPM = "/v1/query", "/-/npm/v1/security/advisories/bulk"


class Advisories(BaseHTTPRequestHandler):
    """OSV and the registry of npm. They know of faults in msgspec and ws, if `knows` says so."""

    knows = False

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        answers = {OSV: self.osv, NPM: self.npm}
        if self.path not in answers:
            return self.send_error(404)
        text = json.dumps(answers[self.path](json.loads(body))).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)
        return None

    def do_GET(self) -> None:
        """Of a package's versions: told anything but 404, npm asks again for a minute."""
        self.send_error(404)

    def osv(self, asked: dict[str, Any]) -> object:
        package = asked["package"]
        if not self.knows or package["name"] != UNSAFE:
            return {}
        events = [{"introduced": "0"}, {"fixed": "999.0"}]
        affected = {"package": package, "ranges": [{"type": "ECOSYSTEM", "events": events}]}
        return {"vulns": [{"id": "TEST-1", "affected": [affected], "summary": "a fault"}]}

    def npm(self, asked: dict[str, list[str]]) -> object:
        if not self.knows or "ws" not in asked:
            return {}
        about = {"id": 1, "url": "x", "title": "a fault", "severity": "high", "cwe": []}
        return {"ws": [about | {"vulnerable_versions": "<999", "cvss": {"score": 9}}]}

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def advisories() -> Iterator[str]:
    with served(Advisories) as origin:
        yield origin
    Advisories.knows = False


@pytest.fixture(autouse=True)
def tools() -> None:
    """Installed once, whichever worker comes first."""
    (ROOT / "build").mkdir(exist_ok=True)
    with (ROOT / "build" / "audit.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        make("build/audit/stamp")


@pytest.fixture
def npm() -> None:
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        ["make", *arguments],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    assert done.returncode in {0, 2}, done.stdout + done.stderr
    return done


def test_what_no_service_answers_for_is_not_called_safe() -> None:
    """The licences are checked and the bills are written all the same."""
    done = make("audit", f"OPTIONS=--osv-url {CLOSED} --npm-registry {CLOSED}")
    assert "Error 2" in done.stderr, done.stdout + done.stderr
    assert done.stdout.count("This does not mean that there is no vulnerability.") == 2
    assert "no known vulnerabilities" not in done.stdout
    bill = json.loads((audit.SBOM / "handlers-requirements-web.cdx.json").read_text())
    assert bill["bomFormat"] == "CycloneDX"
    packages = {one["name"]: one for one in bill["components"]}
    assert packages["msgspec"]["licenses"] == [{"license": {"name": "BSD-3-Clause"}}]
    assert re.fullmatch(r"pkg:pypi/fastapi@[0-9.]+", packages["fastapi"]["purl"])


def test_what_the_services_know_nothing_of_has_no_known_vulnerability(
    advisories: str, npm: None
) -> None:
    assert list(audit.vulnerable_python(f"{advisories}{OSV}")) == []
    assert list(audit.vulnerable_npm(advisories)) == []


def test_known_vulnerabilities_are_named(advisories: str, npm: None) -> None:
    Advisories.knows = True
    [found] = audit.vulnerable_python(f"{advisories}{OSV}")
    assert re.fullmatch(rf"TEST-1: {UNSAFE} [0-9.]+; fixed in: 999.0", found)
    [found] = audit.vulnerable_npm(advisories)
    assert found.startswith("high: ws in localstack/wsgate/tests/conformance/")


def test_a_service_that_answers_something_else_has_audited_nothing(advisories: str) -> None:
    with pytest.raises(audit.NotAudited, match="Python packages: "):
        list(audit.vulnerable_python(CLOSED))
    with pytest.raises(audit.NotAudited, match="npm packages: "):
        list(audit.vulnerable_npm(f"{advisories}/nothing/here"))
