"""Credentials for what stands in for AWS here: every SDK wants some.

Who checks them: `$connect` with AWS_IAM always, @connections and Invoke with `--iam`. The queues
check the session token, which only this run's functions have.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    import boto3

CREDENTIALS: Final = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
"""As the environment of a process."""
TOKEN: Final = "AWS_SESSION_TOKEN"  # noqa: S105 the name of a variable


def session(region: str, token: str | None = None) -> boto3.Session:
    """Make clients that use them, whatever the developer's own environment says."""
    import boto3  # noqa: PLC0415 a third of a second, and functions only want the names

    return boto3.Session(
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        aws_session_token=token,
        region_name=region,
    )


def of_functions(names: Iterable[str], run_secret: bytes) -> dict[str, dict[str, str]]:
    """A key for each function, by its name: its role's, as in Lambda (docs/aws-behaviour.md §11.2).

    They are good for as long as `run_secret` is, which is one run.
    """
    return {name: _of_function(name, run_secret) for name in names}


def _of_function(name: str, run_secret: bytes) -> dict[str, str]:
    """In the form of AWS: ASIA and 16 letters or digits for a role's key.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html (2026-11-24)
    """
    digest = hmac.digest(run_secret, name.encode(), hashlib.sha256).hex()
    return {
        "AWS_ACCESS_KEY_ID": f"ASIA{digest[:16].upper()}",
        "AWS_SECRET_ACCESS_KEY": digest[16:56],
    }
