"""Credentials for what stands in for AWS here: every SDK wants some, and nobody checks them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import boto3

CREDENTIALS: Final = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
"""As the environment of a process."""


def session(region: str) -> boto3.Session:
    """Make clients that use them, whatever the developer's own environment says."""
    import boto3  # noqa: PLC0415 a third of a second, and functions only want the names

    return boto3.Session(
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        region_name=region,
    )
