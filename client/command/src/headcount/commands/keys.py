"""Make, list, rotate and revoke service keys."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from headcount.api import Request
from headcount.cli import Command, Group
from headcount.errors import Failed
from headcount.fields import iso

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    from headcount.run import Run

NOT_FOUND = 404
MAX_OF_A_NAME = 2
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
@TOKEN_TO
@click.pass_obj
def create(run: Run, name: str, scopes: tuple[str, ...], token_to: Path | None) -> None:
    """Make a key for the program NAME. Its token is printed, this once.

    \b
      headcount keys create payouts --scope pay --token-to payouts.token
    """
    _make(run, name, list(scopes), token_to)


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
@click.argument("name")
@TOKEN_TO
@click.pass_obj
def rotate(run: Run, name: str, token_to: Path | None) -> None:
    """Make a second key for NAME, with the scopes of the first. The first stays valid.

    Give the program the new token, then revoke the old key.

    \b
      headcount keys rotate payouts --token-to payouts.token
    """
    found = [key for key in _keys(run) if key["name"] == name]
    if not found:
        raise Failed(f"there is no key of the name {name}; `headcount keys list` has all")
    if len(found) >= MAX_OF_A_NAME:
        old = min(found, key=lambda key: key["created_at"])
        raise Failed(
            f"{name} has two keys already; revoke the one that is not in use. The older one: "
            f"headcount keys revoke {old['key_id']}"
        )
    _make(run, name, found[0]["scopes"], token_to)
    run.say(f"the old key is still valid: headcount keys revoke {found[0]['key_id']}")


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


def _make(run: Run, name: str, scopes: list[str], token_to: Path | None) -> None:
    with _private(token_to) as file:
        order = {"name": name, "scopes": scopes}
        try:
            key = run.api.send(Request("POST", "/keys", order, is_repeatable=False)).json()
        except Failed as error:
            if not error.is_undone:
                error.hint = MAY_EXIST
            raise
        if file:
            file.write(key["token"] + "\n")
    key_id = key["key_id"]
    if file:
        run.show({"name": name, "key_id": key_id}, f"key {key_id}: its token is in {token_to}")
    else:
        run.show({"name": name, **key}, key["token"])
        run.say(f"key {key_id} is made; its token is shown only here")


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
