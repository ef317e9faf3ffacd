"""Templates that tests write, and what is read from them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from wsgate.template.load import TemplateError, load

if TYPE_CHECKING:
    from collections.abc import Callable

    from wsgate.model.plan import Plan

SAMPLES = Path(__file__).parent / "samples"
SOCKET = """
  Socket:
    Type: AWS::Serverless::WebSocketApi
    Properties:
      StageName: live
      RouteSelectionExpression: $request.body.action
      Routes: {$default: {FunctionArn: !GetAtt Main.Arn}}
"""
MAIN = """
  Main:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: code
      Handler: app.handler
      Runtime: python3.13
"""
HEAD = "Transform: AWS::Serverless-2016-10-31\n"


def read(path: Path, **parameters: str) -> Plan:
    """Load a template that unpacks nothing."""
    return load(
        path,
        parameters=parameters,
        queue_endpoint="http://127.0.0.1:5000",
        scratch=Path("/nonexistent"),
    )


@pytest.fixture
def plan_of(tmp_path: Path) -> Callable[..., Plan]:
    """Write a template beside a folder `code` with app.py, and load it."""
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "app.py").touch()

    def plan(*parts: str, **parameters: str) -> Plan:
        path = tmp_path / "template.yaml"
        path.write_text("".join(parts))
        return read(path, **parameters)

    return plan


@pytest.fixture
def told_of(plan_of: Callable[..., Plan]) -> Callable[..., str]:
    """Load a template that runs, and return what is said of it, without the folder."""

    def told(*parts: str, **parameters: str) -> str:
        plan = plan_of(*parts, **parameters)
        return re.sub(r"\S*/(?=template\.yaml|code)", "", "\n".join(plan.left_out + plan.warnings))

    return told


@pytest.fixture
def refusal_of(plan_of: Callable[..., Plan]) -> Callable[..., str]:
    """Load a template that cannot run, and return the sentence without the folder."""

    def refusal(*parts: str, **parameters: str) -> str:
        with pytest.raises(TemplateError) as raised:
            plan_of(*parts, **parameters)
        return re.sub(r"\S*/(?=template\.yaml|code)", "", str(raised.value))

    return refusal
