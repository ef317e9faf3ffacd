"""Makes a resource of a template on a service that speaks AWS's API.

What a table is made of is named alike by CloudFormation and by the API, but for the streams:
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-dynamodb-table.html
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_CreateTable.html (2026-11-30)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from wsgate.model.plan import Reached

_OF_TABLE: Final = (
    "AttributeDefinitions",
    "KeySchema",
    "LocalSecondaryIndexes",
    "GlobalSecondaryIndexes",
    "BillingMode",
    "ProvisionedThroughput",
)
_INDEXES: Final = ("LocalSecondaryIndexes", "GlobalSecondaryIndexes")
_OF_INDEX: Final = ("IndexName", "KeySchema", "Projection", "ProvisionedThroughput")


def make(client: Any, resource: Reached, region: str) -> str | None:
    """Make one, empty; return what is wrong, or None."""
    try:
        match resource.service:
            case "DYNAMODB":
                client.create_table(TableName=resource.name, **table(resource.properties))
            case "S3":
                place = {"CreateBucketConfiguration": {"LocationConstraint": region}}
                client.create_bucket(Bucket=resource.name, **_elsewhere(region, place))
            case "SNS":
                client.create_topic(Name=resource.name, Attributes=_topic(resource.properties))
    except (BotoCoreError, ClientError) as error:
        return " ".join(str(error).split())
    return None


def table(properties: Mapping[str, Any]) -> dict[str, Any]:
    """What CreateTable takes of a table's properties; nothing is provisioned if nothing says so."""
    wanted = {key: _numbers(properties[key]) for key in _OF_TABLE if properties.get(key)}
    for key in _INDEXES:
        if key in wanted:
            wanted[key] = [
                {name: index[name] for name in _OF_INDEX if name in index} for index in wanted[key]
            ]
    if "ProvisionedThroughput" not in wanted:
        wanted["BillingMode"] = "PAY_PER_REQUEST"
    view = (properties.get("StreamSpecification") or {}).get("StreamViewType")
    if view:
        wanted["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": view}
    return wanted


def _elsewhere(region: str, place: dict[str, Any]) -> dict[str, Any]:
    """S3 takes no constraint for its first region."""
    return {} if region == "us-east-1" else place


def _topic(properties: Mapping[str, Any]) -> dict[str, str]:
    names = ("FifoTopic", "ContentBasedDeduplication")
    return {name: "true" for name in names if str(properties.get(name)).lower() == "true"}


def _numbers(value: Any) -> Any:
    """A template may write a capacity as a text."""
    match value:
        case Mapping():
            return {
                key: int(one) if key.endswith("CapacityUnits") else _numbers(one)
                for key, one in value.items()
            }
        case list():
            return [_numbers(one) for one in value]
    return value
