"""A certificate for this machine, and an authority that signed it, both as old as this process.

API Gateway speaks TLS only (docs/aws-behaviour.md §1.3), and a handler pushes to
`https://{domainName}/{stage}` (docs/aws-behaviour.md §11). So does wsgate, beside plain http on the
same port, and gives its functions the authority to trust.
"""

from __future__ import annotations

import os
import re
import ssl
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(frozen=True)
class Certificates:
    """Files in PEM."""

    server: Path
    """Private key and chain, for `SSLContext.load_cert_chain`. Only the owner can read the file."""
    authority: Path
    """What a client has to trust."""
    bundle: Path
    """The authority, and those that an AWS SDK and Python trust by themselves."""

    @property
    def variables(self) -> dict[str, str]:
        """What lets a function's code trust this machine, and everybody else as before.

        https://docs.aws.amazon.com/sdkref/latest/guide/feature-gen-config.html (2026-11-24)
        """
        bundle = str(self.bundle)
        return {
            "AWS_CA_BUNDLE": bundle,
            "NODE_EXTRA_CA_CERTS": str(self.authority),
            "REQUESTS_CA_BUNDLE": bundle,
            "SSL_CERT_FILE": bundle,  # of OpenSSL, and so of Python's own clients, and of httpx
        }


def make(
    folder: Path, hosts: Iterable[str], environment: Mapping[str, str] | None = None
) -> Certificates:
    """Make an authority and a certificate for `hosts` and this machine's own names in `folder`.

    The bundle adds to those of the developer's AWS_CA_BUNDLE, SSL_CERT_FILE and REQUESTS_CA_BUNDLE,
    where a proxy makes one necessary.
    """
    import trustme  # noqa: PLC0415 a fifteenth of a second, and nothing else of wsgate needs it

    authority = trustme.CA(organization_name="wsgate, for this process only")
    names = dict.fromkeys(("127.0.0.1", "localhost", "::1", *filter(_NAME.fullmatch, hosts)))
    issued = authority.issue_cert(*names)
    made = Certificates(folder / "server.pem", folder / "authority.pem", folder / "bundle.pem")
    _write(made.server, issued.private_key_and_cert_chain_pem.bytes())
    own = authority.cert_pem.bytes()
    _write(made.authority, own)
    public = _public(os.environ if environment is None else environment)
    # Most stand in several of the files, and a client reads each one with each context it makes.
    found = (_CERTIFICATE.findall(path.read_bytes()) for path in public)
    _write(made.bundle, own + b"\n".join(dict.fromkeys(chain.from_iterable(found))) + b"\n")
    return made


_CERTIFICATE: Final = re.compile(
    rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL
)
# Others cannot be in a certificate, nor in an address.
_NAME: Final = re.compile(r"(?:\*\.)?[a-z0-9:](?:[a-z0-9.:-]*[a-z0-9])?", re.IGNORECASE)


def _write(path: Path, content: bytes) -> None:
    """Write a file that is private to its owner from the moment it is created."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)


def _public(environment: Mapping[str, str]) -> list[Path]:
    """The files of the authorities that clients trust, as the developer's variables say."""
    system = ssl.get_default_verify_paths().cafile or os.devnull
    named = [
        environment.get("AWS_CA_BUNDLE") or _of_botocore(),
        environment.get("SSL_CERT_FILE") or system,
        environment.get("REQUESTS_CA_BUNDLE") or os.devnull,
    ]
    return [path for path in map(Path, named) if path.is_file()]


def _of_botocore() -> str:
    """Find its bundle without the third of a second that importing it takes."""
    found = find_spec("botocore")
    folders = [] if found is None else found.submodule_search_locations or []
    return next((f"{folder}/cacert.pem" for folder in folders), os.devnull)
