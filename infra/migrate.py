"""Migrate the database of a stack on AWS: `python -m infra.migrate STACK`.

It calls the stack's MigrateFunction, and shows its log and what it applied. Credentials and region
are those of the AWS CLI. Exit code 0 when the database is up to date, 2 when it is not.
"""

from __future__ import annotations

import argparse
import base64
import json
import sys
from typing import TYPE_CHECKING, Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from collections.abc import Sequence

FUNCTION: Final = "MigrateFunction"
# The function's time-out and a bit; a second call would only wait for the first.
CALL: Final = Config(read_timeout=910, retries={"max_attempts": 0})


class NotMigrated(Exception):
    """Why; a sentence for a person."""


def main(arguments: Sequence[str] | None = None, session: Any = boto3) -> int:
    """Call the function, print what it said, and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m infra.migrate", description=str(__doc__).partition("\n")[0]
    )
    parser.add_argument("stack", metavar="STACK", help="the name of a stack of CloudFormation")
    stack = parser.parse_args(arguments).stack
    try:
        applied = migrated(stack, session)
    except (NotMigrated, BotoCoreError, ClientError) as error:
        print(f"migrate: {error}", file=sys.stderr)
        return 2
    print("\n".join(f"applied sql/{name}" for name in applied) or "up to date")
    return 0


def migrated(stack: str, session: Any) -> list[str]:
    """Migrate a stack's database and return the names of the files applied.

    Raises NotMigrated, or what boto3 raises.
    """
    answer = session.client("lambda", config=CALL).invoke(
        FunctionName=_function(stack, session), LogType="Tail", Payload=b"{}"
    )
    print(base64.b64decode(answer.get("LogResult", "")).decode(), end="", file=sys.stderr)
    said = json.loads(answer["Payload"].read())
    if "FunctionError" in answer:
        raise NotMigrated(f"{FUNCTION} failed: {said.get('errorMessage', said)}")
    if "error" in said:
        raise NotMigrated(said["error"])
    return list(said["applied"])


def _function(stack: str, session: Any) -> str:
    found = session.client("cloudformation").describe_stack_resource(
        StackName=stack, LogicalResourceId=FUNCTION
    )
    return str(found["StackResourceDetail"]["PhysicalResourceId"])


if __name__ == "__main__":
    sys.exit(main())
