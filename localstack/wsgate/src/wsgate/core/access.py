"""Who signed a request, and what they may do (docs/aws-behaviour.md §3.15, §11.2). Pure."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wsgate.core import authorizer, policy, signature
from wsgate.core.policy import Decision, PolicyError
from wsgate.core.signature import Scope, Signed
from wsgate.model import events

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wsgate.core.signature import Credential
    from wsgate.model.events import Handshake, Place
    from wsgate.model.ids import Millis
    from wsgate.model.plan import ApiKeys

SERVICE = "execute-api"
INVOKE = authorizer.ACTION
# What Cognito calls each session of an identity pool's role.
# https://docs.aws.amazon.com/cognito/latest/developerguide/role-based-access-control.html
# (2026-11-30)
_OF_COGNITO = "CognitoIdentityCredentials"


@dataclass(frozen=True, slots=True)
class Principal:
    """The owner of an access key."""

    credential: Credential
    arn: str
    user_id: str
    statements: tuple[Mapping[str, Any], ...] | None = None
    """What its role allows; None is allowed everything."""


class Denied(Exception):
    """The signature is good, and does not allow this: AWS's words."""


def user(key: str, credential: Credential, account: str) -> Principal:
    """A developer with a key of their own, who may do everything.

    A key with a session token is that of a role, as SSO, `sts:AssumeRole` and Cognito give out.
    """
    name = key if key.isalnum() else "local"
    if credential.token is None or credential.is_token_optional:
        return Principal(credential, f"arn:aws:iam::{account}:user/{name}", _unique("AIDA", name))
    session = _OF_COGNITO if "cognitoIdentityId" in credential.identity else name
    arn = f"arn:aws:sts::{account}:assumed-role/{name}/{session}"
    return Principal(credential, arn, f"{_unique('AROA', name)}:{session}")


def function_role(
    function: str,
    credential: Credential,
    account: str,
    statements: tuple[Mapping[str, Any], ...] | None,
) -> Principal:
    """A function, as its execution role."""
    arn = f"arn:aws:sts::{account}:assumed-role/{function}/{function}"
    return Principal(credential, arn, f"{_unique('AROA', function)}:{function}", statements)


def identify(
    request: Signed, known: Mapping[str, Principal], scope: Scope, now: Millis
) -> tuple[str, Principal]:
    """The key that signed, and whose it is. Raises signature.Unsigned."""
    credentials = {key: principal.credential for key, principal in known.items()}
    key = signature.signer(request, credentials, scope, now)
    return key, known[key]


def check(principal: Principal, action: str, resource: str, facts: Mapping[str, str]) -> None:
    """Raises Denied unless an Allow covers the call and no Deny does."""
    if principal.statements is not None:
        decisions = {_decision(one, action, resource, facts) for one in principal.statements}
        if Decision.DENY in decisions:
            raise Denied(f"{_not_authorized(principal, action, resource)} with an explicit deny")
        if Decision.ALLOW not in decisions:
            raise Denied(_not_authorized(principal, action, resource))


def identity(key: str, principal: Principal, account: str) -> dict[str, str]:
    """What the events of a connection say of who signed its handshake.

    docs/aws-behaviour.md §3.15.
    """
    return {
        "accountId": account,
        "caller": principal.user_id,
        "accessKey": key,
        "user": principal.user_id,
        "userArn": principal.arn,
        **principal.credential.identity,
    }


def signer_of(
    handshake: Handshake, known: Mapping[str, Principal], place: Place, now: Millis
) -> dict[str, str]:
    """The identity of who signed a handshake. Raises Unsigned or Denied.

    docs/aws-behaviour.md §3.15.
    """
    request = Signed("GET", handshake.path, handshake.query, handshake.headers)
    key, principal = identify(request, known, Scope(place.region, SERVICE), now)
    check(principal, INVOKE, place.connect_arn, authorizer.facts(events.identity(handshake)))
    return identity(key, principal, place.account)


def api_key(keys: ApiKeys, handshake: Handshake, named: str | None) -> tuple[str, str] | None:
    """The API key of a handshake and the key's id; None if there is no good one.

    docs/aws-behaviour.md §3.14.

    `named` is the key that the authorizer named.
    """
    sent = [value for name, value in handshake.headers if name.lower() == "x-api-key"]
    key = named if keys.from_authorizer else sent[-1] if sent else None
    return None if key is None or key not in keys.ids else (key, keys.ids[key])


def _not_authorized(principal: Principal, action: str, resource: str) -> str:
    """API Gateway shows the last digits of the account only (docs/aws-behaviour.md §11.5).

    https://github.com/architect/functions/issues/130 and
    https://github.com/aws-solutions/innovation-sandbox-on-aws/pull/59 (2026-11-24)
    """
    if action.startswith(f"{SERVICE}:"):
        resource = re.sub(r":\d{8}(\d{4}):", r":********\1:", resource)
    return f"User: {principal.arn} is not authorized to perform: {action} on resource: {resource}"


def _decision(
    statement: Mapping[str, Any], action: str, resource: str, facts: Mapping[str, str]
) -> Decision:
    """A statement whose condition cannot be judged here says nothing."""
    try:
        return policy.decide([statement], action, resource, facts)
    except PolicyError:
        return Decision.SILENT


def _unique(prefix: str, name: str) -> str:
    """An id in IAM's form: four letters of its kind, then 17 letters and digits.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html (2026-11-24)
    """
    digest = hashlib.sha256(name.encode()).digest()
    return prefix + base64.b32encode(digest).decode()[:17]
