"""ministack, told what AWS does and it does not: `python emulator.py`, in build/deploy-test.

ministack's version is locked with a hash, since this reaches into its registry of resource types.
"""

from __future__ import annotations

import itertools
import os
import string
import sys
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from ministack.app import main  # type: ignore[import-not-found]
from ministack.services import (  # type: ignore[import-not-found]
    apigateway,
    cloudwatch,
    rds,
    s3,
)
from ministack.services.cloudformation import (  # type: ignore[import-not-found]
    provisioners,
)

if TYPE_CHECKING:
    from collections.abc import Callable

Properties = dict[str, Any]
# A physical id, and what Fn::GetAtt knows.
Created = tuple[str, dict[str, str]]

TYPES: Final = provisioners._RESOURCE_HANDLERS
NUMBERS: Final = itertools.count(1)
# The alarms of CodeDeploy's groups, by stack and logical id.
WATCHING: Final[dict[tuple[str, str], list[str]]] = {}


def stand_in(resource_type: str, attributes: Callable[[str], dict[str, str]]) -> None:
    """A resource that only has an id and attributes."""

    def create(logical_id: str, properties: Properties, stack: str) -> Created:
        physical_id = f"{logical_id.lower()}-{next(NUMBERS):08x}"
        return physical_id, attributes(physical_id)

    def update(
        physical_id: str, old: Properties, new: Properties, stack: str, logical_id: str = ""
    ) -> Created:
        return physical_id, attributes(physical_id)

    TYPES[resource_type] = {"create": create, "update": update, "delete": lambda *_: None}


def part_of_api(resource_type: str, create: Any, delete: Any, parent: str) -> None:
    """A resource that ministack has in its API, and not in CloudFormation."""

    def keys(properties: Properties) -> tuple[str, str]:
        return properties["ApiId"], properties[parent].rpartition("/")[2]

    def made(logical_id: str, properties: Properties, stack: str) -> Created:
        data = {name[0].lower() + name[1:]: value for name, value in properties.items()}
        status, _, body = create(*keys(properties), data)
        if status >= 400:
            raise ValueError(body.decode())
        id_name = resource_type.rpartition("::")[2] + "Id"
        return provisioners.json.loads(body)[id_name[0].lower() + id_name[1:]], {}

    def deleted(physical_id: str, properties: Properties) -> None:
        delete(*keys(properties), physical_id)

    TYPES[resource_type] = {"create": made, "delete": deleted}


def with_numbers(act: Callable[..., Created]) -> Callable[..., Created]:
    """A parameter of type Number arrives as text, and ministack compares it with a number."""

    def numbered(*given: Any) -> Created:
        return act(*map(_with_numbers, given))

    return numbered


def _with_numbers(given: Any) -> Any:
    if not (isinstance(given, dict) and "ScalingConfig" in given):
        return given
    scaling = {name: int(value) for name, value in given["ScalingConfig"].items()}
    return {**given, "ScalingConfig": scaling}


def without_math(act: Callable[..., Created]) -> Callable[..., Created]:
    """ministack refuses an alarm on several metrics: this one has a name and nothing else."""

    def plain(name: str, *given: Any) -> Created:
        if not any("Metrics" in properties for properties in given if isinstance(properties, dict)):
            return act(name, *given)
        return name, {"Arn": f"arn:aws:cloudwatch:us-east-1:000000000000:alarm:{name}"}

    return plain


def deployment_group() -> None:
    """What CodeDeploy knows of a function: the alarms that stop its release."""

    def create(logical_id: str, properties: Properties, stack: str) -> Created:
        alarms = properties.get("AlarmConfiguration", {}).get("Alarms", [])
        WATCHING[stack, logical_id] = [alarm["Name"] for alarm in alarms]
        return logical_id, {}

    def update(
        physical_id: str, old: Properties, new: Properties, stack: str, logical_id: str = ""
    ) -> Created:
        return create(physical_id, new, stack)

    TYPES["AWS::CodeDeploy::DeploymentGroup"] = {
        "create": create,
        "update": update,
        "delete": lambda *_: None,
    }


def watched(update: Callable[..., Created]) -> Callable[..., Created]:
    """Move an alias to a newer version as CodeDeploy does, without the minutes: not if it rings."""

    def moved(
        physical_id: str, old: Properties, new: Properties, stack: str, logical_id: str = ""
    ) -> Created:
        alarms = WATCHING.get((stack, logical_id.replace("Aliaslive", "DeploymentGroup")), [])
        is_newer = int(new["FunctionVersion"]) > int(old["FunctionVersion"])
        for name in alarms if is_newer else []:
            if cloudwatch._alarms.get(name, {}).get("StateValue") == "ALARM":
                raise ValueError(f"CodeDeploy has moved the alias back: {name} is in ALARM")
        return update(physical_id, old, new, stack, logical_id)

    return moved


def secret_of(generate: Callable[[Properties], str]) -> Callable[[Properties], str]:
    """ministack does not know ExcludePunctuation, and has no database behind its cluster."""

    def made(properties: Properties) -> str:
        wish = properties.get("GenerateSecretString")
        if wish and wish.get("ExcludePunctuation"):
            more = {**wish, "ExcludeCharacters": string.punctuation}
            return generate({**properties, "GenerateSecretString": more})
        return _led_to_postgresql(generate(properties))

    return made


def _led_to_postgresql(secret: str) -> str:
    """The tests' PostgreSQL, which has neither a proxy nor the owner's password in the stack."""
    url, real = urlsplit(secret), urlsplit(os.environ["DATABASE_URL"])
    if url.scheme != "postgresql":
        return secret
    if url.username == real.username:
        return real.geturl()
    return real._replace(
        netloc=f"{url.username}:{url.password}@{real.hostname}:{real.port}"
    ).geturl()


def unless(
    delete: Callable[..., None], refuses: Callable[[str], bool], message: str
) -> Callable[..., None]:
    """What AWS refuses to delete, and ministack does not."""

    def deleted(physical_id: str, properties: Properties) -> None:
        if refuses(physical_id):
            raise ValueError(message)
        delete(physical_id, properties)

    return deleted


def is_protected(cluster: str) -> bool:
    """Whether a database cluster has deletion protection."""
    return str(rds._clusters.get(cluster, {}).get("DeletionProtection")).lower() == "true"


def is_filled(bucket: str) -> bool:
    """Whether a bucket has objects."""
    return bool(s3._buckets.get(bucket, {}).get("objects"))


def remember_attributes() -> None:
    """In a nested stack, ministack forgets the attributes of what an update does not change."""
    known: dict[str, dict[str, str]] = {}

    def remembering(act: Callable[..., Created]) -> Callable[..., Created]:
        def acted(*given: Any) -> Created:
            physical_id, attributes = act(*given)
            known[physical_id] = attributes or known.get(physical_id, {})
            return physical_id, known[physical_id]

        return acted

    provisioners._provision_resource = remembering(provisioners._provision_resource)
    provisioners._update_resource = remembering(provisioners._update_resource)


def teach() -> None:
    """Everything in which ministack differs from AWS where our templates notice."""
    stand_in("AWS::EC2::EIP", lambda name: {"AllocationId": name, "PublicIp": "192.0.2.1"})
    stand_in("AWS::EC2::NatGateway", lambda name: {"NatGatewayId": name})
    stand_in("AWS::RDS::DBProxy", lambda name: {"Endpoint": f"{name}.invalid"})
    stand_in("AWS::RDS::DBProxyTargetGroup", lambda name: {"TargetGroupArn": name})
    stand_in("AWS::CloudWatch::CompositeAlarm", lambda name: {"Arn": name})
    stand_in("AWS::CodeDeploy::Application", lambda name: {})
    deployment_group()
    alias = TYPES["AWS::Lambda::Alias"]
    alias["update"] = watched(alias["update"])
    part_of_api(
        "AWS::ApiGatewayV2::RouteResponse",
        apigateway._create_route_response,
        apigateway._delete_route_response,
        "RouteId",
    )
    part_of_api(
        "AWS::ApiGatewayV2::IntegrationResponse",
        apigateway._create_integration_response,
        apigateway._delete_integration_response,
        "IntegrationId",
    )
    remember_attributes()
    provisioners._sm_secret_string = secret_of(provisioners._sm_secret_string)
    mapping, alarm = TYPES["AWS::Lambda::EventSourceMapping"], TYPES["AWS::CloudWatch::Alarm"]
    for act in ("create", "update"):
        mapping[act] = with_numbers(mapping[act])
        alarm[act] = without_math(alarm[act])
    cluster = TYPES["AWS::RDS::DBCluster"]
    cluster["delete"] = unless(
        cluster["delete"], is_protected, "Cannot delete protected Cluster: disable its protection"
    )
    bucket = TYPES["AWS::S3::Bucket"]
    bucket["delete"] = unless(
        bucket["delete"], is_filled, "The bucket you tried to delete is not empty"
    )


if __name__ == "__main__":
    teach()
    sys.exit(main())
