"""@connections: POST, GET and DELETE for an unmodified AWS SDK. Pure.

docs/aws-behaviour.md §11.
"""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING

from wsgate.core.actions import Action, Connection, Posted
from wsgate.core.faults import Failure
from wsgate.model.ids import CONNECTION_ID, Millis
from wsgate.transport.responses import Request, Response, aws_error, json_response, message

if TYPE_CHECKING:
    from wsgate.core.gateway import Gateway
    from wsgate.model.plan import Plan, WebSocketApi

Answer = tuple[Response, list[Action]]

# What the bodies of these errors say is not documented: GUESS (docs/aws-behaviour.md §11.5, §18.5).
TOO_LARGE = aws_error(
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "PayloadTooLargeException", "Payload too large"
)
LIMIT_EXCEEDED = aws_error(HTTPStatus.TOO_MANY_REQUESTS, "LimitExceededException", "Limit exceeded")
# GUESS: data that is not UTF-8 is refused rather than changed on its way (docs/aws-behaviour.md
# §9.4, §18.7).
NOT_TEXT = aws_error(HTTPStatus.BAD_REQUEST, "BadRequestException", "Data is not UTF-8 text")
# GUESS: the text; the model of the SDK has no error of the service's own.
INTERNAL_FAILURE = aws_error(
    HTTPStatus.INTERNAL_SERVER_ERROR, "InternalServerErrorException", "Internal server error"
)
GONE = aws_error(HTTPStatus.GONE, "GoneException", None)
FORBIDDEN = aws_error(HTTPStatus.FORBIDDEN, "ForbiddenException", "Forbidden")


# GUESS: the status of this one (docs/aws-behaviour.md §11.5).
NO_METHOD = HTTPStatus.FORBIDDEN


def no_method(method: str, route: str) -> Response:
    """`@connections` under a base path that a custom domain does not have.

    docs/aws-behaviour.md §1.8.
    """
    return message(NO_METHOD, f"No method found matching route {route} for http method {method}.")


def arn(stage: WebSocketApi, plan: Plan, method: str, connection_id: str) -> str:
    """What a policy must allow (docs/aws-behaviour.md §11.2)."""
    api = f"arn:aws:execute-api:{plan.region}:{plan.account}:{stage.api_id}"
    return f"{api}/{stage.stage}/{method}/@connections/{connection_id}"


def answer(
    gateway: Gateway,
    connection_id: str,
    request: Request,
    now: Millis,
    stage: WebSocketApi | None = None,
) -> Answer:
    """Return the answer for the SDK and the actions on the connection; None is any stage."""
    # Where 400 ends and 410 begins is not known: GUESS, by the shape of an id
    # (docs/aws-behaviour.md §11.6).
    if not CONNECTION_ID.fullmatch(connection_id):
        text = f"Invalid connectionId: {connection_id}"
        return aws_error(HTTPStatus.BAD_REQUEST, "BadRequestException", text), []
    # GUESS: a connection of another API or stage is gone, like any that is not there (§11.13).
    connection = gateway.find(connection_id)
    if connection is not None and stage is not None and not _is_on(connection, stage):
        return (TOO_LARGE if request.too_large else GONE), []
    match request.method:
        case "POST":
            return _post(gateway, connection_id, request, now)
        case "GET":
            return _get(gateway, connection_id), []
        case "DELETE":
            return _delete(gateway, connection_id, now)
    return FORBIDDEN, []


def _is_on(connection: Connection, stage: WebSocketApi) -> bool:
    place = connection.stage.place
    return (place.api_id, place.stage) == (stage.api_id, stage.stage)


def _post(gateway: Gateway, connection_id: str, request: Request, now: Millis) -> Answer:
    """Any content type goes out as text; an empty body is an empty message (§11.7, §11.11)."""
    if request.too_large:
        return TOO_LARGE, []
    try:
        text = request.body.decode()
    except UnicodeDecodeError:
        return NOT_TEXT, []
    posted, actions = gateway.post(connection_id, text, now)
    return _POSTED[posted], actions


def _get(gateway: Gateway, connection_id: str) -> Response:
    """GUESS: to look is not to be active, so `lastActiveAt` stays.

    docs/aws-behaviour.md §11.12.
    """
    connection = gateway.find(connection_id)
    return GONE if connection is None else json_response(HTTPStatus.OK, describe(connection))


def _delete(gateway: Gateway, connection_id: str, now: Millis) -> Answer:
    actions = gateway.delete(connection_id, now)
    return (GONE, []) if actions is None else (Response(HTTPStatus.NO_CONTENT), actions)


def describe(connection: Connection) -> dict[str, object]:
    """GetConnection's answer; `userAgent` is null if none was sent.

    docs/aws-behaviour.md §11.4.
    """
    identity = connection.identity
    return {
        "connectedAt": iso_time(connection.connected_at),
        "identity": {
            "sourceIp": identity["sourceIp"],
            "userAgent": identity.get("userAgent"),
        },
        "lastActiveAt": iso_time(connection.last_active_at),
    }


def iso_time(at: Millis) -> str:
    """`2025-02-03T01:46:33.523Z` (docs/aws-behaviour.md §11.4)."""
    return f"{datetime.fromtimestamp(at // 1000, UTC):%Y-%m-%dT%H:%M:%S}.{at % 1000:03d}Z"


# What faults answer in place of the truth.
FAILURES = {
    Failure.GONE: GONE,
    Failure.THROTTLED: LIMIT_EXCEEDED,
    Failure.FAILED: INTERNAL_FAILURE,
}
_POSTED = {Posted.SENT: Response(HTTPStatus.OK), Posted.GONE: GONE, Posted.FULL: LIMIT_EXCEEDED}
