"""Templates as different tools write them, each a small app: connect, push, disconnect."""

from __future__ import annotations

import asyncio
import json
import shutil
from typing import TYPE_CHECKING

import pytest
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from command import ROOT
from waiting import in_time, until
from wsgate.serve import Addresses, Options, serve_at
from wsgate.template.load import load

if TYPE_CHECKING:
    from pathlib import Path

SAMPLES = ROOT / "tests" / "samples_emitters"
# What the functions of each know as their table.
EMITTERS = {
    "architect.json": "PeopleTable",
    "cdk_l1.yaml": "",
    "cdk_l2.json": "Table710B521B",
    "cdk_nested.json": "people",
    "chalice.json": "",
    "loops.yaml": "people-of-dev",
    "sam_layer.yaml": "people",
    "sam_raw.yaml": "people",
    "serverless.json": "",
}
WITHOUT_CONNECT = "cdk_nested.json"
LAYER_OF_AWS = "which is not emulated: what it holds must be installed where wsgate is."


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The samples, with what the Serverless Framework packages beside its template."""
    project = tmp_path / "project"
    shutil.copytree(SAMPLES, project)
    shutil.make_archive(str(project / "chat"), "zip", project / "app")
    return project


@pytest.mark.parametrize("name", EMITTERS)
def test_a_template_of_another_tool_is_read_without_a_warning(project: Path, name: str) -> None:
    plan = load(
        project / name,
        parameters={},
        queue_endpoint="http://127.0.0.1:5000",
        scratch=project,
    )
    assert plan.warnings == ()
    assert [line for line in plan.left_out if not line.endswith(LAYER_OF_AWS)] == []
    assert "$default" in plan.websocket.routes
    environments = [function.environment for function in plan.functions.values()]
    assert {one.get("TABLE", "") for one in environments} == {EMITTERS[name]}


@pytest.mark.slow
@pytest.mark.parametrize("name", EMITTERS)
async def test_an_app_of_another_tool_runs(project: Path, name: str) -> None:
    log: list[str] = []
    ready: asyncio.Future[Addresses] = asyncio.get_running_loop().create_future()
    options = Options(project / name, port=0, log=log.append)
    serving = asyncio.create_task(serve_at(options, ready.set_result))
    try:
        # As aws-lambda-graphql does, $connect takes the protocol that the client offers.
        url, offered = (await in_time(ready)).websocket, [Subprotocol("graphql-ws")]
        async with connect(url, subprotocols=offered) as client:
            assert client.subprotocol == (None if name == WITHOUT_CONNECT else "graphql-ws")
            await client.send('{"action": "say"}')
            told = json.loads(await in_time(client.recv()))
            assert told == {"route": "$default", "table": EMITTERS[name]}
        await until(lambda: any("left " in line for line in log))
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
