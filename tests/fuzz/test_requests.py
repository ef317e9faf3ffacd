"""Requests that Schemathesis generates from our OpenAPI, right ones and wrong ones."""

from __future__ import annotations

from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.core.failures import AcceptedNegativeData
from schemathesis.core.parameters import ParameterLocation
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    negative_data_rejection,
    positive_data_acceptance,
)

from handlers.http import HttpContainer
from handlers.web.app import application
from handlers.web.errors import ERROR_CODES
from tests.fuzz import as_sent
from tests.support.waiting import PATIENCE_SECONDS
from tests.support.words import INTERNAL

if TYPE_CHECKING:
    from collections.abc import Callable

    from schemathesis import Response

    from tests.fuzz.attack import Attack

    APIOperation = schemathesis.APIOperation[Any, Any, Any, Any]
    Case = schemathesis.Case[Any]

# Schemathesis' own: it numbers its cases by chance.
pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module")

PATIENCE = 3
"""How often a request is sent, if a busy machine keeps the database from answering."""
MODES = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
CODES = {(error.status, error.code) for error in ERROR_CODES}
# Refused before a route is chosen, by the gateway, in its own words: {"message": …}.
BY_THE_GATEWAY = {400, 413, 414, 431}


@cache
def document() -> dict[str, Any]:
    openapi: dict[str, Any] = application(HttpContainer()).openapi()
    return openapi


def operations() -> list[APIOperation]:
    schema = schemathesis.openapi.from_dict(document())
    return [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]


OPERATIONS = operations()
IN_EVERY_OPERATION = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.label)


def test_the_system_serves_this_document(attack: Attack) -> None:
    url = f"{attack.system.base_url}/openapi.json"
    assert requests.get(url, timeout=PATIENCE_SECONDS).json() == document()


@pytest.mark.parametrize(
    ("label", "url", "is_right"),
    [
        ("GET /online.csv", "/online.csv?resource=true", True),
        ("GET /online.csv", "/online.csv?resource=x&resource=true", True),
        ("GET /online.csv", "/online.csv?resource=", False),
        ("GET /online.csv", "/online.csv?resource=true&unknown=1", False),
        ("GET /sessions", "/sessions?limit=5", True),
        ("GET /sessions", "/sessions?limit=0", False),
        ("GET /sessions", "/sessions?limit=many", False),
        ("GET /watch-time", "/watch-time?by=user&from=0&to=1", True),
        ("GET /watch-time", "/watch-time?by=user&to=1", False),
    ],
)
def test_what_counts_is_what_is_sent(label: str, url: str, is_right: bool) -> None:
    (operation,) = (one for one in OPERATIONS if one.label == label)
    headers = {"authorization": "Bearer a-token"}
    assert as_sent.is_right(operation, f"http://127.0.0.1:1{url}", headers) is is_right


@IN_EVERY_OPERATION
def test_every_answer_is_documented(operation: APIOperation, attack: Attack) -> None:
    with requests.Session() as session:
        for mode in MODES:
            each = attack.cases // len(OPERATIONS) // len(MODES) or 1
            generate(attack, operation, mode, each, lambda case: send(attack, session, case))


@IN_EVERY_OPERATION
def test_what_is_unknown_is_refused(operation: APIOperation, attack: Attack) -> None:
    """In the query, and in the body."""
    unknown = f"unknown{attack.dice.getrandbits(32):x}"
    with requests.Session() as session:

        def send_with_unknown(case: Case) -> None:
            if isinstance(case.body, dict) and attack.dice.random() < 0.5:
                case.body[unknown] = 1
            else:
                case.query[unknown] = "1"
            response = send(attack, session, case)
            assert 400 <= response.status_code < 500, case.as_curl_command()

        each = attack.cases // len(OPERATIONS) // 20 or 1
        if operation.path != "/health":
            generate(attack, operation, GenerationMode.POSITIVE, each, send_with_unknown)


def generate(
    attack: Attack,
    operation: APIOperation,
    mode: GenerationMode,
    each: int,
    send: Callable[[Case], object],
) -> None:
    """Send so many requests, the same for the same seed."""
    strategy = operation.as_strategy(generation_mode=mode)
    if operation.path == "/health":  # it takes nothing that could be wrong
        strategy = operation.as_strategy() if mode is GenerationMode.POSITIVE else st.nothing()
    if strategy.is_empty:
        return

    @hypothesis.seed(attack.seed)
    @settings(
        max_examples=each,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=strategy)
    def each_of_them(case: Case) -> None:
        attack.add("HTTP requests")
        send(case)

    each_of_them()


def send(attack: Attack, session: requests.Session, case: Case) -> Response:
    """Send a request and judge the response. Raises what Schemathesis finds."""
    token = {"Authorization": f"Bearer {attack.system.service_token}"}
    for _ in range(PATIENCE):
        response = case.call(attack.system.base_url, session, token, timeout=PATIENCE_SECONDS)
        if response.status_code != HTTPStatus.SERVICE_UNAVAILABLE:
            break
    if response.status_code in BY_THE_GATEWAY and "message" in response.json():
        return response
    # A rule over several fields, such as `from` before `to`, is not in the schema.
    excluded: list[Any] = [positive_data_acceptance, negative_data_rejection]
    ours: list[Any] = [refusal, refused_if_wrong]
    case.validate_response(response, additional_checks=ours, excluded_checks=excluded)
    return response


def refused_if_wrong(context: Any, response: Response, case: Case) -> None:
    """What breaks the schema is refused, unless it is right as it is sent."""
    try:
        negative_data_rejection(context, response, case)
    except AcceptedNegativeData:
        request = response.request
        is_body_wrong = case.meta is None or case.meta.is_negative_at(ParameterLocation.BODY)
        url = request.url or ""
        if is_body_wrong or not as_sent.is_right(case.operation, url, request.headers):
            raise


def refusal(_context: object, response: Response, _case: Case) -> None:
    """Every refusal has a code of ours, and a reason that shows nothing of the inside."""
    if response.status_code < 400:
        return
    refused = response.json()
    assert (response.status_code, refused["code"]) in CODES
    for reason in [refused["detail"], *(one["msg"] for one in refused.get("fields", ()))]:
        assert reason
        assert not INTERNAL.search(reason), reason
