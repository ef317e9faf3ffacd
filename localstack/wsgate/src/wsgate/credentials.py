"""Keys that are not in the template: who may sign requests, and API keys of the developer."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from dataclasses import replace
from typing import TYPE_CHECKING

from wsgate.core.access import Principal, function_role, user
from wsgate.core.signature import Credential
from wsgate.functions.local_aws import CREDENTIALS, TOKEN, of_functions
from wsgate.masking import is_secret

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from wsgate.model.plan import Plan, WebSocketApi

SECRET = "WSGATE_SECRET_"  # noqa: S105 the name of a variable
IDENTITY = "WSGATE_IDENTITY_"
IDENTITY_KEYS = frozenset(
    {
        *("accountId", "caller", "user", "userArn", "principalOrgId"),
        *("cognitoIdentityId", "cognitoIdentityPoolId"),
        *("cognitoAuthenticationType", "cognitoAuthenticationProvider"),
    }
)
"""Of `requestContext.identity`, docs/aws-behaviour.md §3.15."""
_ID, _SECRET = "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"


class CredentialError(ValueError):
    """A key was named, and what the environment has of it is not enough, or cannot be read."""


def from_environment(
    key_ids: Iterable[str], environment: Mapping[str, str]
) -> dict[str, Credential]:
    """The keys of these ids; a command line, which others can read, never holds a secret.

    WSGATE_SECRET_<id> is looked for first, then the variables that an SDK reads, if they are about
    this id. Raises CredentialError.
    """
    return {key: _credential(key, environment) for key in key_ids}


def session_token() -> str:
    """Make the token of one run: its functions send it, as in Lambda, and no other program can."""
    return secrets.token_urlsafe(48)


def known(
    plan: Plan,
    named: Mapping[str, Credential],
    of_roles: Mapping[str, Mapping[str, str]],
    token: str,
) -> dict[str, Principal]:
    """Who may sign, by the id of the key. `of_roles` are the functions' own keys, by name.

    `token` is the session token of all functions.
    """
    local = Credential(CREDENTIALS[_SECRET], token, is_token_optional=True)
    found = {
        key: user(key, credential, plan.account)
        for key, credential in {CREDENTIALS[_ID]: local, **named}.items()
    }
    for name, variables in of_roles.items():
        credential, statements = Credential(variables[_SECRET], token), plan.statements.get(name)
        found[variables[_ID]] = function_role(name, credential, plan.account, statements)
    return found


def secrets_of(plan: Plan, named: Mapping[str, Credential], token: str) -> Iterator[str]:
    """Each secret of a run that is known: nothing that is shown or written down may hold it."""
    yield token
    yield from plan.secrets
    for stage in plan.websockets:
        yield from stage.api_keys.ids if stage.api_keys else ()
    for credential in named.values():
        yield from filter(None, (credential.secret, credential.token))
    for function in plan.functions.values():
        for name, value in function.environment.items():
            if is_secret(name):
                yield value


def with_own_keys(plan: Plan) -> tuple[Plan, dict[str, dict[str, str]]]:
    """The plan with a key in each function's environment, as its role has in Lambda, and the keys.

    Lambda reserves these names, so that no template sets them itself.
    https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html (2026-11-24)
    """
    keys = of_functions(plan.functions, secrets.token_bytes(32))
    functions = {
        name: replace(function, environment={**function.environment, **_variables(keys[name])})
        for name, function in plan.functions.items()
    }
    return replace(plan, functions=functions), keys


def _variables(key: Mapping[str, str]) -> dict[str, str]:
    """Lambda has the id under two names."""
    return {"AWS_ACCESS_KEY": key[_ID], **key}


def with_api_keys(plan: Plan, keys: Iterable[str]) -> Plan:
    """The plan with `keys` opening each $connect that asks for one (docs/aws-behaviour.md §3.14).

    A $connect that no key opens is a warning: on AWS, too, every client would be refused.
    """
    ids = {key: _key_id(key) for key in keys}
    stages = tuple(_with_api_keys(stage, ids) for stage in plan.websockets)
    closed = tuple(
        f"$connect of stage {stage.stage} needs an API key, and there is none: "
        "give one in WSGATE_API_KEYS, or with --api-key"
        for stage in stages
        if stage.api_keys is not None and not stage.api_keys.ids
    )
    return replace(plan, websockets=stages, warnings=(*plan.warnings, *closed))


def _credential(key: str, environment: Mapping[str, str]) -> Credential:
    secret, identity = environment.get(SECRET + key), _identity(key, environment)
    if secret:
        return Credential(secret, identity=identity)
    if environment.get(_ID) == key and environment.get(_SECRET):
        token = environment.get(TOKEN) or None
        return Credential(environment[_SECRET], token, identity=identity)
    raise CredentialError(
        f"--credentials {key} needs its secret in the environment: {SECRET}{key}, or {_SECRET} "
        f"beside {_ID}={key}"
    )


def _identity(key: str, environment: Mapping[str, str]) -> dict[str, str]:
    """What events say of the signer, as JSON: `{"cognitoIdentityId": "…", …}`."""
    text = environment.get(IDENTITY + key)
    if not text:
        return {}
    try:
        given = json.loads(text)
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict) or not all(isinstance(one, str) for one in given.values()):
        raise CredentialError(f"{IDENTITY}{key} must be a JSON object of texts")
    if unknown := sorted(given.keys() - IDENTITY_KEYS):
        words = f"no key of an identity; there are {', '.join(sorted(IDENTITY_KEYS))}"
        raise CredentialError(f"{IDENTITY}{key}: {', '.join(unknown)} is {words}")
    return given


def _with_api_keys(stage: WebSocketApi, ids: dict[str, str]) -> WebSocketApi:
    if stage.api_keys is None:
        return stage
    return replace(stage, api_keys=replace(stage.api_keys, ids={**ids, **stage.api_keys.ids}))


def _key_id(key: str) -> str:
    """A stable id in API Gateway's form: ten lower-case letters and digits."""
    return base64.b32encode(hashlib.sha256(key.encode()).digest()).decode().lower()[:10]
