"""Names of yours in front of both APIs: infra/domain.yaml in the emulated account.

The emulator issues certificates at once, and asks no DNS whether the names are yours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.docs.markdown import ROOT
from wsgate.template.expand import read

if TYPE_CHECKING:
    from tests.support.cloud import Cloud

DOMAIN = dict(read(ROOT / "infra" / "domain.yaml").body)


@pytest.fixture(scope="session")
def apis(cloud: Cloud) -> dict[str, str]:
    """The parameters that name the two APIs."""
    aws = cloud.client("apigatewayv2")
    socket = aws.create_api(
        Name="socket", ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.action"
    )["ApiId"]
    web = aws.create_api(Name="web", ProtocolType="HTTP")["ApiId"]
    aws.create_stage(ApiId=socket, StageName="live")
    aws.create_stage(ApiId=web, StageName="$default")
    return {
        **{"SocketApiId": socket, "SocketStage": "live"},
        **{"WebApiId": web, "WebStage": "$default"},
    }


def certificates(cloud: Cloud) -> dict[str, set[str]]:
    """The names on each certificate of the account."""
    acm = cloud.client("acm")
    arns = [one["CertificateArn"] for one in acm.list_certificates()["CertificateSummaryList"]]
    described = (acm.describe_certificate(CertificateArn=arn)["Certificate"] for arn in arns)
    return {one["CertificateArn"]: set(one["SubjectAlternativeNames"]) for one in described}


def names(cloud: Cloud) -> dict[str, tuple[str, list[tuple[str, str, str]]]]:
    """Each domain name: its certificate, and the key, API and stage of each of its mappings."""
    aws = cloud.client("apigatewayv2")
    return {
        one["DomainName"]: (
            one["DomainNameConfigurations"][0]["CertificateArn"],
            [
                (mapping.get("ApiMappingKey", ""), mapping["ApiId"], mapping["Stage"])
                for mapping in aws.get_api_mappings(DomainName=one["DomainName"])["Items"]
            ],
        )
        for one in aws.get_domain_names()["Items"]
    }


def records(cloud: Cloud, zone: str) -> dict[str, str]:
    """What the zone's aliases lead to."""
    listed = cloud.client("route53").list_resource_record_sets(HostedZoneId=zone)
    found = [one for one in listed["ResourceRecordSets"] if one["Type"] == "A"]
    return {one["Name"].strip("."): one["AliasTarget"]["DNSName"].strip(".") for one in found}


def test_names_of_a_zone_come_change_and_go(cloud: Cloud, zone: str, apis: dict[str, str]) -> None:
    given = {"HostedZoneId": zone, "CertificateArn": "", **apis}
    both = given | {"SocketDomain": "ws.example.com", "WebDomain": "api.example.com"}
    cloud.create("names", DOMAIN, **both)
    ((first, on_it),) = certificates(cloud).items()
    assert on_it == {"ws.example.com", "api.example.com"}
    socket = ("live", apis["SocketApiId"], "live")
    web = ("", apis["WebApiId"], "$default")
    assert names(cloud) == {"ws.example.com": (first, [socket]), "api.example.com": (first, [web])}
    targets = cloud.outputs("names")
    assert records(cloud, zone) == {
        "ws.example.com": targets["SocketTarget"],
        "api.example.com": targets["WebTarget"],
    }

    cloud.update("names", DOMAIN, **both | {"WebDomain": "web.example.com"})
    ((second, on_it),) = certificates(cloud).items()
    assert on_it == {"ws.example.com", "web.example.com"}
    assert names(cloud) == {
        "ws.example.com": (second, [socket]),
        "web.example.com": (second, [web]),
    }
    targets = cloud.outputs("names")
    assert records(cloud, zone)["web.example.com"] == targets["WebTarget"]
    assert "api.example.com" not in records(cloud, zone)

    cloud.update("names", DOMAIN, **both | {"SocketDomain": ""})
    assert certificates(cloud).popitem()[1] == {"api.example.com"}
    assert list(names(cloud)) == list(records(cloud, zone)) == ["api.example.com"]
    cloud.delete("names")
    assert (certificates(cloud), names(cloud), records(cloud, zone)) == ({}, {}, {})


def test_names_of_another_dns_take_your_certificate(cloud: Cloud, apis: dict[str, str]) -> None:
    acm: Any = cloud.client("acm")
    yours = acm.request_certificate(DomainName="*.example.org")["CertificateArn"]
    given = {"HostedZoneId": "", "CertificateArn": yours, **apis}
    cloud.create("names", DOMAIN, SocketDomain="ws.example.org", WebDomain="", **given)
    assert names(cloud)["ws.example.org"][0] == yours
    assert cloud.outputs("names").keys() == {"SocketTarget"}
    cloud.delete("names")
    assert list(certificates(cloud)) == [yours]
    acm.delete_certificate(CertificateArn=yours)
