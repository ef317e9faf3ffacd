"""One run of the command: what it was told, and how it talks to people and programs."""

from __future__ import annotations

import ipaddress
import json
import os
import re
import sys
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from headcount.api import Api
from headcount.errors import ReaderGone

if TYPE_CHECKING:
    from collections.abc import Mapping

    from headcount.errors import Failed

PATIENCE_SECONDS = 60.0
LOCAL_RUN = Path(".headcount") / "run.json"
# What moves a terminal's cursor or writes from right to left: names are the users' own.
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
NO_API = (
    "name the API: --api https://…, or HEADCOUNT_API in the environment. In the folder of a "
    "`make run` it is found by itself."
)
NO_KEY = (
    "give the service token or a key: HEADCOUNT_TOKEN in the environment, or a file with "
    "--token-file. It is no argument, because others can read a command line."
)


class Run:
    """What the global options say, and the environment where they do not."""

    def __init__(self) -> None:
        self.given_api: str | None = None
        self.given_token_file: Path | None = None
        self.is_json = False
        self.patience = PATIENCE_SECONDS

    @cached_property
    def api(self) -> Api:
        """Raises UsageError if the address or the token is missing."""
        return Api(self.address, self.token, self.patience, self.say)

    @cached_property
    def address(self) -> str:
        """Raises UsageError."""
        address = self._named_api or self._local_run.get("base_url")
        if not address:
            raise click.UsageError(NO_API)
        return checked_address(address)

    @cached_property
    def token(self) -> str:
        """Raises UsageError. A local run's token goes to that run only."""
        token = self._named_token
        if not token and not self._named_api:
            token = self._local_run.get("service_token")
        if not token:
            raise click.UsageError(NO_KEY)
        if not re.fullmatch(r"[\x21-\x7e]+", token):
            raise click.UsageError("the token has characters that no token has: is it whole?")
        return token

    @property
    def _named_api(self) -> str | None:
        return self.given_api or os.environ.get("HEADCOUNT_API")

    @property
    def _named_token(self) -> str | None:
        """A file that is named goes before a token in the environment."""
        file = self.given_token_file
        if file is None and (token := os.environ.get("HEADCOUNT_TOKEN")):
            return token.strip()
        named = file or os.environ.get("HEADCOUNT_TOKEN_FILE")
        if not named:
            return None
        try:
            return Path(named).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "it is no text"
            raise click.UsageError(f"the token's file {named} cannot be read: {why}") from None

    @cached_property
    def _local_run(self) -> Mapping[str, str]:
        """What `make run` writes in the folder it runs in."""
        try:
            run = json.loads(LOCAL_RUN.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return run if isinstance(run, dict) else {}

    def close(self) -> None:
        if "api" in vars(self):
            self.api.close()

    # What it says. Results go to the standard output, all else to standard error.

    def show(self, document: Mapping[str, Any], *lines: str) -> None:
        """A result: with --json the document on one line, else these lines."""
        shown = [json.dumps(document)] if self.is_json else map(printable, lines)
        try:
            for line in shown:
                click.echo(line)
        except BrokenPipeError:
            raise ReaderGone from None

    def say(self, line: str) -> None:
        """How it goes."""
        click.echo(f"headcount: {printable(line)}", err=True)

    def say_failed(self, error: Failed) -> None:
        """With --json as a document, too."""
        if self.is_json:
            failed = {"status": error.status, "code": error.code, "detail": error.detail}
            click.echo(json.dumps({"error": failed}), err=True)
        else:
            for line in str(error).splitlines():
                self.say(line)

    def confirm(self, question: str) -> None:
        """Raises UsageError where there is no terminal to ask, Exit if the answer is not yes."""
        if not sys.stdin.isatty():
            raise click.UsageError(f"{question} Say so with --yes.")
        click.echo(f"{printable(question)} Go on? [y/N] ", err=True, nl=False)
        if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
            self.say("nothing was done")
            raise click.exceptions.Exit(1)


def checked_address(address: str) -> str:
    """Raises UsageError for one that is no address, or that a token must not go to."""
    try:
        parts = urlsplit(address)
        is_address = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address or parts.query or parts.fragment or "@" in parts.netloc:
        raise click.UsageError(
            f"{address!r} is no address: give https://host, or https://host/path"
        )
    if parts.scheme == "http" and not _is_here(str(parts.hostname)):
        raise click.UsageError(
            f"{address} is not encrypted, and the token would be read on the way: use https"
        )
    return address


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def printable(text: str) -> str:
    """Without what would change a terminal."""
    return CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)
