"""Parameters that no stack can be made of are refused in one sentence, before anything is made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.docs.markdown import ROOT
from wsgate.template.expand import read

if TYPE_CHECKING:
    from tests.support.cloud import Cloud

URL = "postgresql://ann@db.example/headcount"
ZONE = "Z0123456789"


@pytest.fixture(scope="session")
def asked() -> dict[str, Any]:
    """The parameters and rules of template.yaml, and a resource that costs nothing."""
    ours = read(ROOT / "template.yaml").body
    nothing = {"Nothing": {"Type": "AWS::CloudFormation::WaitConditionHandle"}}
    return {"Parameters": ours["Parameters"], "Rules": ours["Rules"], "Resources": nothing}


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"SocketDomain": "ws.example.com"}, "need HostedZoneId or CertificateArn"),
        ({"WebDomain": "api.example.com"}, "need HostedZoneId or CertificateArn"),
        (
            {"SocketDomain": "a.example.com", "WebDomain": "a.example.com", "HostedZoneId": ZONE},
            "are two names",
        ),
        ({"DatabaseSnapshot": "a", "DatabaseSourceCluster": "b"}, "not both"),
        ({"DatabaseUrl": URL, "DatabaseSnapshot": "a"}, "With DatabaseUrl it has none"),
        ({"DatabaseUrl": URL, "DatabaseSourceCluster": "a"}, "With DatabaseUrl it has none"),
        ({"DatabaseRestoreTime": "2026-11-30T20:15:00Z"}, "needs DatabaseSourceCluster"),
        ({"OwnerDatabaseUrl": URL}, "OwnerDatabaseUrl needs DatabaseUrl"),
        ({"TicketKeysUrl": "https://login.example/keys"}, "needs TicketIssuer"),
        ({"PushConcurrency": "1"}, "2 or more"),
        ({"AlarmEmail": "ann@example.com", "Monitoring": "no"}, "AlarmEmail needs Monitoring"),
        ({"TicketSecret": "k" * 32, "TicketSecretVersion": "f" * 32}, "With TicketSecret"),
        ({"ServiceToken": "k" * 32, "ServiceTokenVersion": "f" * 32}, "With ServiceToken"),
        ({"Apps": "Shop"}, "Apps"),
        # What CloudFormation says of a pattern, a list or a bound names the parameter.
        ({"DatabaseUrl": "mysql://db.example/headcount"}, "DatabaseUrl"),
        ({"TicketSecret": "short"}, "TicketSecret"),
        ({"TicketSecretVersion": "latest"}, "TicketSecretVersion"),
        ({"HostedZoneId": "example.com"}, "HostedZoneId"),
        ({"DatabaseConnections": "300"}, "DatabaseConnections"),
        ({"PingSeconds": "600"}, "PingSeconds"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else "",
)
def test_they_are_refused(
    cloud: Cloud, asked: dict[str, Any], given: dict[str, str], sentence: str
) -> None:
    with pytest.raises(ClientError, match=sentence):
        cloud.create("refused", asked, **given)
    assert "refused" not in cloud.stacks()


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"SocketDomain": "ws.example.com", "CertificateArn": "arn:aws:acm:r:0:certificate/c"},
        {"SocketDomain": "a.example.com", "WebDomain": "b.example.com", "HostedZoneId": ZONE},
        {"DatabaseSourceCluster": "a", "DatabaseRestoreTime": "2026-11-30T20:15:00Z"},
        {"DatabaseUrl": URL, "SubnetIds": "subnet-1,subnet-2", "SecurityGroupIds": "sg-1"},
        {"TicketIssuer": "https://login.example", "TicketKeysUrl": "https://login.example/keys"},
        {"PushConcurrency": "0"},
    ],
    ids=" ".join,
)
def test_others_are_taken(cloud: Cloud, asked: dict[str, Any], given: dict[str, str]) -> None:
    cloud.create("taken", asked, **given)
    cloud.delete("taken")
