"""template.yaml in an emulated account: created, played with, updated, rolled back, deleted.

The tests stand in the order in which they run; stacks last from one to the next.
"""

from __future__ import annotations

import asyncio
import copy
import json
import secrets
import time
import urllib.error
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from websockets.exceptions import InvalidStatus

from tests.docs.markdown import ROOT, commands, run_by
from tests.docs.shell import Step, steps
from tests.support.browser import Browser, ask, hear, hello
from tests.support.cloud import StackFailed
from tests.support.databases import named
from tests.support.issuer import RSA, jwk
from tests.support.served import served
from tests.support.waiting import until_answered

if TYPE_CHECKING:
    from collections.abc import Callable

    from websockets.asyncio.client import ClientConnection

    from tests.docs.markdown import Block
    from tests.docs.shell import Shell
    from tests.support.cloud import Cloud, Template
    from tests.support.system import Headcount

MIGRATE, PROTECT, CONNECT, DELETE = run_by("docs/how-to/deploy-to-aws.md", __file__)
ADD_KEY, TAKE_KEY_AWAY = run_by("docs/how-to/rotate-secrets.md", __file__)
(FOLLOW,) = run_by("docs/how-to/follow-an-event.md", __file__)
(ISSUER,) = run_by("docs/how-to/mint-tickets.md", __file__)
(SHORT,) = run_by("README.md", __file__)
# CloudFormation takes it, and SQS does not.
BROKEN = {"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimeout": 1_000_000}}


async def pinged(tab: ClientConnection) -> None:
    """The gateway answers; the emulator leaves `$context.requestTimeEpoch` as it is."""
    await tab.send('{"action":"ping"}')
    assert '"pong"' in str(await tab.recv())


async def welcomed(tab: ClientConnection, user_id: str) -> None:
    """A function that is changed may tell the client to ask again."""

    async def is_welcome() -> bool:
        return (await hello(tab)).get("user_id") == user_id

    await until_answered(is_welcome)


class Login(BaseHTTPRequestHandler):
    """The reader's token service: an OpenID Connect issuer with one key."""

    def do_GET(self) -> None:
        url = f"http://{self.headers['Host']}"
        about = {"issuer": url, "jwks_uri": f"{url}/keys"}
        body = json.dumps({"keys": [jwk(RSA)]} if self.path == "/keys" else about).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: Any) -> None:
        pass


def signed(browser: Browser, key: Any, algorithm: str = "HS256", **more: str) -> str:
    """An address with a ticket that a backend signs, good for minutes: deploys take time."""
    claims = {
        "aud": "headcount",
        "sub": browser.user_id,
        "jti": secrets.token_urlsafe(16),
        "exp": int(time.time()) + 290,
        **more,
    }
    ticket = jwt.encode(claims, key, algorithm, {"kid": "k1"} if more else None)
    return f"{browser.headcount.websocket_url}?ticket={ticket}"


def play(shell: Shell, block: Block, **replaced: str) -> str:
    """Type a block in which something stands for the reader's own; return what it prints."""
    (step,) = steps(block)
    text = step.command
    for old, new in replaced.items():
        text = text.replace(old, new)
    return shell.play(Step(text, step.shown))


def test_the_readme_deploys_by_the_commands_of_the_page() -> None:
    first, *_ = commands(ROOT / MIGRATE.page)
    assert first.text.split("\n", 1)[1] == SHORT.text.replace(" && ", "\n")


def test_the_documented_commands_create_everything(cloud: Cloud, shown: str) -> None:
    assert "Successfully created/updated stack - headcount" in shown
    assert cloud.described("headcount")["StackStatus"] == "CREATE_COMPLETE"
    nested = {name.split("-")[1] for name in cloud.stacks() if name.startswith("headcount-")}
    assert {"Network", "Database", "Secrets", "Access"} <= nested


def test_make_migrate_calls_the_stacks_function(system: Headcount, shell: Shell) -> None:
    assert play(shell, MIGRATE).strip().endswith("up to date")


def test_the_backend_finds_address_and_token(system: Headcount, shell: Shell) -> None:
    address, token = play(shell, CONNECT).split()
    assert ".execute-api." in address
    assert token == system.service_token


async def test_a_broadcast_bonus_reaches_a_client(browser: Browser) -> None:
    tab = await browser.tab()
    await hello(tab)
    order = {
        "reward": {"text": "5 coins"},
        "audience": {"kind": "everyone"},
        "window_seconds": 600,
        "stock": 3,
    }
    bonus = await browser.api("POST", "/bonuses", order)
    assert (await hear(tab))["bonus"]["bonus_id"] == bonus["bonus_id"]
    said = {"action": "claim", "id": "c1", "bonus_id": bonus["bonus_id"]}
    assert (await ask(tab, said))["outcome"] == "claimed"
    assert (await browser.api("GET", f"/bonuses/{bonus['bonus_id']}"))["claimed"] == 1
    await pinged(tab)
    await tab.close()
    await browser.closed_session()


def test_lines_are_found_in_the_log(system: Headcount, shell: Shell) -> None:
    """The emulator keeps what its functions print, and not what they log: no id of an event."""
    found = json.loads(play(shell, FOLLOW, **{"THE ID": "RequestId"}))
    assert "RequestId" in found["events"][0]["message"]


async def test_an_update_keeps_open_sockets(
    cloud: Cloud, template: Template, parameters: dict[str, str], browser: Browser
) -> None:
    """A function and a route change under a socket that stays open."""
    tab = await browser.tab()
    await hello(tab)
    newer = copy.deepcopy(template)
    newer["Resources"]["MessageFunction"]["Properties"]["MemorySize"] = 1024
    newer["Resources"]["SocketApi"]["Properties"]["Routes"]["newer"] = {
        "FunctionArn": {"Ref": "MessageFunction.Alias"}
    }
    before = cloud.live("headcount", "MessageFunction")
    await asyncio.to_thread(cloud.update, "headcount", newer, **parameters)
    after = cloud.live("headcount", "MessageFunction")
    assert int(after["Version"]) == int(before["Version"]) + 1
    assert (before["MemorySize"], after["MemorySize"]) == (512, 1024)
    await pinged(tab)
    await welcomed(tab, browser.user_id)
    # Known to the gateway, and to no code: the function says so.
    assert (await ask(tab, {"action": "newer", "id": "n1"}))["type"] == "error"


async def test_an_update_that_fails_rolls_back(
    cloud: Cloud, template: Template, parameters: dict[str, str], browser: Browser
) -> None:
    tab = await browser.tab()
    broken = copy.deepcopy(template)
    broken["Resources"]["Broken"] = BROKEN | {"DependsOn": "MessageFunction"}
    with pytest.raises(StackFailed, match="'UPDATE_ROLLBACK_COMPLETE"):
        more = parameters | {"MessageBurst": "1"}
        await asyncio.to_thread(cloud.update, "headcount", broken, **more)
    found = cloud.live("headcount", "MessageFunction")
    assert found["Environment"]["Variables"]["MESSAGE_BURST"] == "50"
    await welcomed(tab, browser.user_id)


async def test_a_release_whose_alarm_rings_leaves_the_version_before(
    cloud: Cloud, template: Template, parameters: dict[str, str], browser: Browser
) -> None:
    """The emulator has neither Lambda's metrics nor the minutes: the test rings the alarm."""
    tab = await browser.tab()
    await hello(tab)
    before = {name: cloud.live("headcount", name) for name in ("MessageFunction", "WebFunction")}
    alarm = cloud.physical_id("headcount", "MessageVersionFails")
    watch = cloud.client("cloudwatch")
    watch.set_alarm_state(AlarmName=alarm, StateValue="ALARM", StateReason="The test says so.")
    with pytest.raises(StackFailed, match=f"{alarm} is in ALARM"):
        more = parameters | {"GraceSeconds": "45"}
        await asyncio.to_thread(cloud.update, "headcount", template, **more)
    assert cloud.described("headcount")["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    for name, found in before.items():
        now = cloud.live("headcount", name)
        assert now["Version"] == found["Version"]
        assert now["Environment"]["Variables"]["GRACE_SECONDS"] == "30"
    await welcomed(tab, browser.user_id)
    watch.set_alarm_state(AlarmName=alarm, StateValue="OK", StateReason="The test is over.")


async def test_an_app_is_added_with_a_database_of_its_own(
    cloud: Cloud, template: Template, parameters: dict[str, str], browser: Browser
) -> None:
    """The deploy makes and migrates it; a bonus of the app reaches its own clients."""
    parameters["Apps"] = "shop"
    await asyncio.to_thread(cloud.update, "headcount", template, **parameters)
    shop = Browser(browser.headcount, browser.stack)
    shop.app, shop.user_id = "shop", browser.user_id
    main_tab, tab = await browser.tab(), await shop.tab()
    for one in (main_tab, tab):
        await welcomed(one, browser.user_id)
    order = {"reward": {"text": "a coupon"}, "audience": {"kind": "everyone"}}
    bonus = await shop.api("POST", "/bonuses", order | {"window_seconds": 600})
    assert (await hear(tab))["bonus"]["bonus_id"] == bonus["bonus_id"]
    await pinged(main_tab)
    with pytest.raises(urllib.error.HTTPError, match="404"):
        await browser.api("GET", f"/bonuses/{bonus['bonus_id']}")


async def test_each_secret_rotates(
    cloud: Cloud, template: Template, parameters: dict[str, str], browser: Browser, shell: Shell
) -> None:
    """The key by the commands of the page; the parameters of deploys before stay as they are."""
    outputs = cloud.outputs("headcount")
    old_key = cloud.secret(outputs["TicketKeySecret"])
    token = secrets.token_urlsafe(36)
    parameters["ServiceTokenVersion"] = cloud.new_version(outputs["ServiceTokenSecret"], token)
    cloud.update("headcount", template, **parameters)
    with pytest.raises(urllib.error.HTTPError, match="401"):
        await browser.ticket()
    await asyncio.to_thread(play, shell, ADD_KEY)
    renewed = Browser(replace(browser.headcount, service_token=token), browser.stack)
    await hello(await renewed.tab(await renewed.ticket()))
    await hello(await renewed.tab(signed(browser, old_key)))
    await asyncio.to_thread(play, shell, TAKE_KEY_AWAY)
    with pytest.raises(InvalidStatus):
        await renewed.tab(signed(browser, old_key))
    await hello(await renewed.tab(await renewed.ticket()))


def test_a_version_that_a_secret_does_not_have_changes_nothing(
    cloud: Cloud, template: Template, parameters: dict[str, str]
) -> None:
    before = cloud.live("headcount", "AuthorizeFunction")
    with pytest.raises(StackFailed, match="AuthorizeFunction: Dynamic reference"):
        cloud.update("headcount", template, **parameters | {"TicketSecretVersion": "f" * 32})
    assert cloud.described("headcount")["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    now = cloud.live("headcount", "AuthorizeFunction")
    assert now["Version"] == before["Version"]
    assert now["Environment"] == before["Environment"]


async def test_tickets_of_an_issuer_are_taken(cloud: Cloud, browser: Browser, shell: Shell) -> None:
    key = cloud.secret(cloud.outputs("headcount")["TicketKeySecret"])
    with served(Login) as url:
        await asyncio.to_thread(play, shell, ISSUER, **{"https://login.example.com": url})
        theirs = await browser.tab(signed(browser, RSA, "RS256", iss=url))
        await welcomed(theirs, browser.user_id)
        await welcomed(await browser.tab(signed(browser, key)), browser.user_id)
        with pytest.raises(InvalidStatus):
            await browser.tab(signed(browser, RSA, "RS256", iss="https://another.example"))


def test_a_stack_with_a_database_of_its_owner_stands_beside(
    cloud: Cloud, template: Template, system: Headcount, zone: str
) -> None:
    """It makes no network and no database, has names of its owner, and is deleted whole."""
    url = system.database_url
    names = {"SocketDomain": "ws.example.com", "WebDomain": "api.example.com"}
    more = {"DatabaseUrl": url, "OwnerDatabaseUrl": url, "HostedZoneId": zone}
    cloud.create("beside", template, **more, **names)
    outputs = cloud.outputs("beside")
    assert outputs["SocketUrl"] == "wss://ws.example.com/live"
    assert outputs["WebUrl"] == "https://api.example.com"
    given = cloud.live("beside", "WebFunction")["Environment"]["Variables"]
    assert given["SOCKET_URL"] == outputs["SocketUrl"]
    assert cloud.described("headcount")["StackStatus"] == "UPDATE_COMPLETE"
    nested = {name.split("-")[1] for name in cloud.stacks() if name.startswith("beside-")}
    assert not nested & {"Network", "Database"}
    cloud.delete("beside")
    assert [name for name in cloud.stacks() if name.startswith("beside")] == []


def test_a_database_that_cannot_be_reached_stops_the_deploy(
    cloud: Cloud, template: Template
) -> None:
    nowhere = "postgresql://ann:secret@127.0.0.1:1/none"
    with pytest.raises(StackFailed, match="nothing answers at its host and port") as failed:
        cloud.create("unreachable", template, DatabaseUrl=nowhere, OwnerDatabaseUrl=nowhere)
    assert "secret" not in str(failed.value)
    assert [name for name in cloud.stacks() if name.startswith("unreachable")] == []
    functions = cloud.client("lambda").list_functions()["Functions"]
    assert [one["FunctionName"] for one in functions if "unreachable" in one["FunctionName"]] == []


def test_a_database_that_its_owner_has_not_migrated_stops_the_deploy(
    cloud: Cloud, template: Template, database_url: str
) -> None:
    with pytest.raises(StackFailed, match="older than this release: run make migrate"):
        cloud.create("behind", template, DatabaseUrl=named(database_url, "postgres"))
    assert [name for name in cloud.stacks() if name.startswith("behind")] == []


def test_a_first_deploy_that_fails_leaves_nothing_that_costs(
    cloud: Cloud, template: Template
) -> None:
    broken = copy.deepcopy(template)
    broken["Resources"]["Broken"] = BROKEN | {"DependsOn": "Database"}
    clusters = cloud.client("rds").describe_db_clusters()["DBClusters"]
    with pytest.raises(StackFailed, match="'ROLLBACK_COMPLETE"):
        cloud.create("failed", broken)
    assert [name for name in cloud.stacks() if name.startswith("failed-")] == []
    assert cloud.client("rds").describe_db_clusters()["DBClusters"] == clusters


def test_a_filled_bucket_is_deleted_and_a_protected_database_is_not(
    cloud: Cloud, type_block: Callable[[Block], str], system: Headcount
) -> None:
    """The page's other blocks: protect the database, fill the bucket, delete the stack."""
    assert "upload: pages/index.html to s3://" in type_block(PROTECT)
    type_block(DELETE)
    kept = {name.split("-")[1] for name in cloud.stacks() if name.startswith("headcount")}
    assert kept == {"Network", "Database"}
    buckets = cloud.client("s3").list_buckets()["Buckets"]
    assert [one["Name"] for one in buckets if one["Name"].startswith("headcount")] == []
    (cluster,) = cloud.client("rds").describe_db_clusters()["DBClusters"]
    assert cluster["DeletionProtection"] is True
