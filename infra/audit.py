"""What others wrote and we depend on: known vulnerabilities, licences, a bill of materials.

Its tools have an environment of their own, build/audit, so that development needs none of them.

exit code:
  0  everything was audited, and nothing is wrong
  1  there is a known vulnerability, or a licence that is not allowed
  2  an advisory service does not answer, so that vulnerabilities may exist and are not known
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from infra import licences

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT: Final = Path(__file__).parent.parent
LOCKS: Final = ("requirements-dev.txt", "requirements-audit.txt", "requirements-deploy-test.txt")
"""The first has what is shipped, in the same versions."""
NPM_LOCKS: Final = (
    "client/package-lock.json",
    "examples/react/package-lock.json",
    "tests/client/typescript/package-lock.json",
    "tests/browser/axe/package-lock.json",
    "localstack/wsgate/tests/conformance/package-lock.json",
)
"""The client itself, as shipped, depends on nothing."""
SHIPPED: Final = (
    "requirements.txt",
    "handlers/requirements.txt",
    "handlers/requirements-issuer.txt",
    "handlers/requirements-web.txt",
)
TOOLS: Final = ROOT / "build" / "audit"
SBOM: Final = ROOT / "build" / "sbom"
OSV: Final = "https://api.osv.dev/v1/query"
TIMEOUT_SECONDS: Final = 600


class NotAudited(Exception):
    """An advisory service did not answer; the message says which, and what it said."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what is wrong, a line each, and return the exit code."""
    options = _options(arguments)
    for apart in (TOOLS, ROOT / "build" / "deploy-test"):  # their licences count, too
        sys.path += map(str, apart.glob("lib/python*/site-packages"))
    wrong = list(licences_not_allowed())
    write_bills()
    unknown = []
    for audit in (vulnerable_python(options.osv_url), vulnerable_npm(options.npm_registry)):
        try:
            wrong += audit
        except NotAudited as error:
            unknown.append(str(error))
    for line in wrong:
        print(line)
    for line in unknown:
        print(f"not audited: {line}. This does not mean that there is no vulnerability.")
    if not wrong and not unknown:
        print("no known vulnerabilities")
    return 1 if wrong else 2 if unknown else 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make audit",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--osv-url", default=OSV, help=f"the OSV service; default: {OSV}")
    parser.add_argument("--npm-registry", help="the registry that `npm audit` asks; default: npm's")
    return parser.parse_args(arguments)


# Licences.


def licences_not_allowed() -> Iterator[str]:
    """Say which, and what the package says."""
    names = sorted({name for lock in LOCKS for name in licences.pinned((ROOT / lock).read_text())})
    for name, said in licences.not_allowed(names):
        yield f"licence: {name}: {', '.join(said) or 'says nothing'} is not in infra/licences.py"
    for lock in NPM_LOCKS:
        for name, package in json.loads((ROOT / lock).read_text())["packages"].items():
            if name and not licences.is_allowed([package.get("license", "")]):
                yield f"licence: {name} in {lock}: {package.get('license')} is not allowed"
    absent = sum(licences.licences(name) is None for name in names)
    print(f"licences: {len(names)} Python packages, of which {absent} are not installed here")


# The bill of materials.


def write_bills() -> None:
    """Write what is shipped as CycloneDX, with hashes, and the licences that the packages name."""
    SBOM.mkdir(parents=True, exist_ok=True)
    for lock in SHIPPED:
        path = SBOM / lock.replace("/", "-").replace(".txt", ".cdx.json")
        command = ["cyclonedx_py", "requirements", "--output-reproducible", str(ROOT / lock)]
        bill = json.loads(_tool(*command).stdout)
        for component in bill["components"]:
            said = licences.licences(component["name"]) or []
            component["licenses"] = [{"license": {"name": one}} for one in said]
        path.write_text(json.dumps(bill, indent=2) + "\n")
        print(f"bill of materials: {path.relative_to(ROOT)}, {len(bill['components'])} components")


# Known vulnerabilities.


def vulnerable_python(osv_url: str) -> Iterator[str]:
    """Ask OSV for each locked package. Raises NotAudited."""
    for lock in LOCKS:
        asked = _tool(
            *("pip_audit", "-r", str(ROOT / lock), "--disable-pip", "--progress-spinner", "off"),
            *("--vulnerability-service", "osv", "--osv-url", osv_url, "--format", "json"),
        )
        report = _json(asked.stdout)
        if report is None:
            raise NotAudited(f"Python packages: {_last_line(asked.stderr)}")
        for package in report["dependencies"]:
            if reason := package.get("skip_reason"):
                raise NotAudited(f"Python packages: {reason}")
            for found in package["vulns"]:
                better = ", ".join(found["fix_versions"]) or "none yet"
                yield f"{found['id']}: {package['name']} {package['version']}; fixed in: {better}"
        print(f"OSV: {len(report['dependencies'])} packages of {lock}")


def vulnerable_npm(registry: str | None) -> Iterator[str]:
    """Ask npm's registry for what each package-lock.json names. Raises NotAudited."""
    npm = shutil.which("npm")
    if npm is None:
        raise NotAudited("npm packages: npm is not installed")
    for lock in NPM_LOCKS:
        asked = subprocess.run(  # noqa: S603  # npm, with a registry that the caller names
            [npm, "audit", "--json", *([f"--registry={registry}"] if registry else [])],
            cwd=(ROOT / lock).parent,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
        report = _json(asked.stdout) or {}
        if "auditReportVersion" not in report:
            raise NotAudited(f"npm packages: {report.get('message') or _last_line(asked.stderr)}")
        for name, found in report["vulnerabilities"].items():
            yield f"{found['severity']}: {name} in {lock}; `npm audit` there says more"
        print(f"npm: {lock}")


def _tool(module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603  # a tool of requirements-audit.txt
        [TOOLS / "bin" / "python", "-m", module, *arguments],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return re.sub(r"\s+", " ", lines[-1]) if lines else "it said nothing"


if __name__ == "__main__":
    sys.exit(main())
