"""Make, list, rotate and revoke service keys."""

from __future__ import annotations

import math
import os
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from headcount.api import Request
from headcount.cli import Command, Group
from headcount.errors import Failed
from headcount.fields import duration, iso

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    from headcount.run import Run

NOT_FOUND = 404
MAY_EXIST = (
    "A key may have been made whose token got lost: look for it with `headcount keys list`, and "
    "revoke it."
)
TOKEN_TO = click.option(
    "--token-to",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the token into this new file, which only you can read, and do not print it.",
)


@click.group("keys", cls=Group)
def command() -> None:
    """Make, list, rotate and revoke service keys. It takes the service token."""


@command.command("create", cls=Command)
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    metavar="SCOPE",
    help="What it may do: tickets, read, order, kick, pay, records, webhooks; may be given several "
    "times.",
)
@click.option(
    "--expires-in-days", type=click.IntRange(min=1), metavar="DAYS", help="Then it opens nothing."
)
@click.option(
    "--requests-per-minute",
    type=click.IntRange(min=1),
    metavar="COUNT",
    help="More are refused with 429; no limit by default.",
)
@TOKEN_TO
@click.pass_obj
def create(  # noqa: PLR0913, PLR0917  # one for each option
    run: Run,
    name: str,
    scopes: tuple[str, ...],
    expires_in_days: int | None,
    requests_per_minute: int | None,
    token_to: Path | None,
) -> None:
    """Make a key for the program NAME. Its token is printed, this once.

    \b
      headcount keys create payouts --scope pay --token-to payouts.token
      headcount keys create dashboard --scope read --requests-per-minute 600
    """
    order: dict[str, object] = {"name": name, "scopes": list(scopes)}
    bounds = {"expires_in_days": expires_in_days, "requests_per_minute": requests_per_minute}
    order |= {bound: value for bound, value in bounds.items() if value is not None}
    with _private(token_to) as file:
        try:
            key = run.api.send(Request("POST", "/keys", order, is_repeatable=False)).json()
        except Failed as error:
            if not error.is_undone:
                error.hint = MAY_EXIST
            raise
        _hand_over(run, {"name": name, **key}, file, token_to)


@command.command("list", cls=Command)
@click.pass_obj
def list_keys(run: Run) -> None:
    """List all keys.

    \b
      headcount keys list
    """
    for key in _keys(run):
        scopes = ", ".join(key["scopes"])
        run.show(key, f"{key['key_id']}  {iso(key['created_at'])}  {key['name']}  {scopes}")


@command.command("rotate", cls=Command)
@click.argument("key", metavar="NAME")
@click.option(
    "--old-valid",
    type=duration,
    default="1h",
    metavar="TIME",
    help="How long the old token stays good: a number of seconds, or with a unit: 30s, 15m, 2h, "
    "1d; 1h by default. 0: it has leaked.",
)
@TOKEN_TO
@click.pass_obj
def rotate(run: Run, key: str, old_valid: float, token_to: Path | None) -> None:
    """Give the key of NAME a new token; the old one stays good for a time.

    Give the program the new token meanwhile. NAME may be the id of a key, where a name has two.

    \b
      headcount keys rotate payouts --token-to payouts.token
      headcount keys rotate payouts --old-valid 0
    """
    found = _the_key(run, key)
    with _private(token_to) as file:
        # Sent again, it replaces the token that got lost, and the program's own stays good.
        order = {"old_valid_seconds": math.ceil(old_valid)}
        new = run.api.send(Request("POST", f"/keys/{found['key_id']}/rotate", order)).json()
        _hand_over(run, {"name": found["name"], **new}, file, token_to)
    until = f"stays good for {old_valid:,.0f} s" if old_valid else "is good for ten seconds more"
    run.say(f"the old token {until}")


@command.command("revoke", cls=Command)
@click.argument("key_id", type=click.UUID)
@click.pass_obj
def revoke(run: Run, key_id: UUID) -> None:
    """Delete a key: within ten seconds it opens nothing more.

    \b
      headcount keys revoke 6b0f0a8e-6f0e-4f6c-9d5a-3f6f8f3c2b11
    """
    try:
        run.api.send(Request("DELETE", f"/keys/{key_id}"))
    except Failed as error:
        if error.status != NOT_FOUND or not error.is_repeated:
            raise
    run.show({"key_id": str(key_id)}, f"key {key_id} is revoked")


def _keys(run: Run) -> list[dict[str, Any]]:
    keys: list[dict[str, Any]] = run.api.get("/keys")["items"]
    return keys


def _the_key(run: Run, wanted: str) -> dict[str, Any]:
    """By its name or its id. Raises Failed for none, or for a name of two."""
    found = [key for key in _keys(run) if wanted in {key["name"], key["key_id"]}]
    if not found:
        raise Failed(f"there is no key {wanted}; `headcount keys list` has all")
    if len(found) > 1:
        ids = " or ".join(key["key_id"] for key in found)
        raise Failed(f"{wanted} has {len(found)} keys; name one by its id: {ids}")
    return found[0]


def _hand_over(run: Run, key: dict[str, Any], file: IO[str] | None, token_to: Path | None) -> None:
    """The token, into the file if there is one."""
    key_id = key["key_id"]
    if file:
        file.write(key.pop("token") + "\n")
        run.show(key, f"key {key_id}: its token is in {token_to}")
    else:
        run.show(key, key["token"])
        run.say(f"this is the token of the key {key_id}; it is shown only here")


@contextmanager
def _private(path: Path | None) -> Iterator[IO[str] | None]:
    """A new file for the token, there before the key is made; removed if that fails.

    Raises UsageError.
    """
    if path is None:
        yield None
        return
    try:
        opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise click.UsageError(f"{path} cannot be made: {error.strerror}") from None
    try:
        with os.fdopen(opened, "w") as file:
            yield file
    except BaseException:
        path.unlink()
        raise
