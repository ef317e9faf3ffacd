"""The functions' connection to a database whose URL says `verify-full`, as the stack's own does."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import botocore
import pytest
import trustme

from handlers.adapters.database import Database, Unavailable
from handlers.adapters.deadline import Deadline
from handlers.services.health import ReadSchema
from tests.support.databases import of_functions
from wsgate.template.expand import read

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ROOT = Path(__file__).parents[2]
TLS_REQUEST = (8).to_bytes(4, "big") + (80877103).to_bytes(4, "big")  # SSLRequest of PostgreSQL
ROOTS = "botocore/cacert.pem"


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@contextlib.asynccontextmanager
async def proxy(dsn: str, certificate: trustme.LeafCert) -> AsyncIterator[int]:
    """TLS in front of the database, as RDS Proxy has it; its port."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(context)
    place = urlsplit(dsn)
    served: list[asyncio.Task[None]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raw = writer.transport
        with contextlib.suppress(OSError), contextlib.closing(raw):
            assert await reader.readexactly(8) == TLS_REQUEST
            writer.write(b"S")
            await writer.start_tls(context)
            inner, outer = await asyncio.open_connection(place.hostname, place.port)
            await asyncio.gather(_copy(reader, outer), _copy(inner, writer))

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.append(asyncio.ensure_future(serve(reader, writer)))

    async with await asyncio.start_server(begin, "127.0.0.1", 0) as server:
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            await asyncio.gather(*served)
            await asyncio.sleep(0)  # a transport closes at the loop's next turn


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while chunk := await reader.read(65_536):
            writer.write(chunk)
    writer.close()


def ask(dsn: str, certificate: trustme.LeafCert, roots: Path) -> None:
    """One statement of a function. Raises Unavailable."""

    async def play() -> None:
        async with proxy(dsn, certificate) as port:
            place = urlsplit(of_functions(dsn))
            login, _, _ = place.netloc.rpartition("@")
            url = place._replace(
                netloc=f"{login}@localhost:{port}", query=f"sslmode=verify-full&sslrootcert={roots}"
            )
            deadline = Deadline()
            deadline.begin(20)
            database = Database(url.geturl(), deadline)
            try:
                await database.fetch(ReadSchema())
            finally:
                await database.close()

    asyncio.run(play())


def test_a_certificate_of_a_known_authority_is_good(
    dsn: str, authority: trustme.CA, tmp_path: Path
) -> None:
    roots = tmp_path / "roots.pem"
    authority.cert_pem.write_to_path(str(roots))
    ask(dsn, authority.issue_cert("localhost"), roots)


def test_a_certificate_for_another_name_is_refused(
    dsn: str, authority: trustme.CA, tmp_path: Path
) -> None:
    roots = tmp_path / "roots.pem"
    authority.cert_pem.write_to_path(str(roots))
    with pytest.raises(Unavailable, match=r"SSLCertVerificationError.*'localhost'"):
        ask(dsn, authority.issue_cert("elsewhere.example"), roots)


def test_a_certificate_of_an_unknown_authority_is_refused(dsn: str, authority: trustme.CA) -> None:
    roots = Path(botocore.__file__).parent / "cacert.pem"
    with pytest.raises(Unavailable, match=r"SSLCertVerificationError.*unable to get local issuer"):
        ask(dsn, authority.issue_cert("localhost"), roots)


def test_the_stack_s_own_url_verifies_the_proxy() -> None:
    """RDS Proxy's certificate is from ACM, whose roots are in botocore's copy of Mozilla's list.

    https://repost.aws/knowledge-center/rds-aurora-mysql-connect-proxy (2026-11-30)
    """
    url = read(ROOT / "infra" / "database.yaml").body["Resources"]["Url"]["Properties"]
    assert f"?sslmode=verify-full&sslrootcert=/var/task/{ROOTS}" in str(url["SecretString"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(Path(botocore.__file__).parent.parent / ROOTS)
    names = str([one["subject"] for one in context.get_ca_certs()])
    assert all(f"Amazon Root CA {number}" in names for number in (1, 2, 3, 4))
