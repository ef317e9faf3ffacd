"""Which of the template's resources functions reach by an SDK. None of them is emulated."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Final

from wsgate.model.plan import Reached
from wsgate.template.expand import TemplateError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from wsgate.template.stack import Resource, Stack

# As the SDK writes it behind AWS_ENDPOINT_URL_.
# https://docs.aws.amazon.com/sdkref/latest/guide/ss-endpoints-table.html (2026-11-30)
_SERVICES: Final[Mapping[str, str]] = {
    "AWS::Cognito::UserPool": "COGNITO_IDENTITY_PROVIDER",
    "AWS::DynamoDB::GlobalTable": "DYNAMODB",
    "AWS::DynamoDB::Table": "DYNAMODB",
    "AWS::Events::EventBus": "EVENTBRIDGE",
    "AWS::Kinesis::Stream": "KINESIS",
    "AWS::KinesisFirehose::DeliveryStream": "FIREHOSE",
    "AWS::S3::Bucket": "S3",
    "AWS::SecretsManager::Secret": "SECRETS_MANAGER",
    "AWS::SNS::Topic": "SNS",
    "AWS::SQS::Queue": "SQS",
    "AWS::SSM::Parameter": "SSM",
    "AWS::StepFunctions::StateMachine": "SFN",
}


def reached_of(stack: Stack) -> list[Reached]:
    """Return them, of nested stacks too, with the properties that can be resolved."""
    return list(_reached(stack))


def _reached(stack: Stack) -> Iterator[Reached]:
    for resource in chain(*(one.resources.values() for one in stack.family.stacks)):
        service = _SERVICES.get(resource.kind)
        if service is not None:
            name = _name(resource)
            yield Reached(resource.logical_id, resource.kind, name, service, _properties(resource))


def _name(resource: Resource) -> str:
    try:
        return resource.stack.name(resource)
    except (KeyError, TemplateError):  # it has none, or one that only AWS knows
        return resource.logical_id


def _properties(resource: Resource) -> dict[str, Any]:
    found = {}
    for key in resource.properties:
        try:
            found[key] = resource.get(key)
        except TemplateError:
            continue
    return found
