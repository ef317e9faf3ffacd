"""What the queue server answers: calls of SQS by this run's functions, and nothing else. Pure.

Its port is on 127.0.0.1, where pages of any site can send something by a browser, and every account
of this machine by itself. So a call names this machine as its host, comes from no page, carries the
session token that the functions of this run were given, and names an operation of SQS.
"""

from __future__ import annotations

import hmac
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs

from wsgate.apis import same_origin

if TYPE_CHECKING:
    from wsgate.transport.responses import Request

# Of botocore's model of SQS, 2012-11-05.
OPERATIONS: Final = frozenset(
    {
        "AddPermission",
        "CancelMessageMoveTask",
        "ChangeMessageVisibility",
        "ChangeMessageVisibilityBatch",
        "CreateQueue",
        "DeleteMessage",
        "DeleteMessageBatch",
        "DeleteQueue",
        "GetQueueAttributes",
        "GetQueueUrl",
        "ListDeadLetterSourceQueues",
        "ListMessageMoveTasks",
        "ListQueueTags",
        "ListQueues",
        "PurgeQueue",
        "ReceiveMessage",
        "RemovePermission",
        "SendMessage",
        "SendMessageBatch",
        "SetQueueAttributes",
        "StartMessageMoveTask",
        "TagQueue",
        "UntagQueue",
    }
)
MAX_BYTES: Final = 8 * 1024 * 1024
"""Of a body: SQS takes 1 MiB, which escapes of JSON may make six times as long."""
_TARGET: Final = "AmazonSQS."
_FORM: Final = "application/x-www-form-urlencoded"
TOKEN: Final = "x-amz-security-token"  # noqa: S105 the name of a header


class Refused(Exception):
    """A request that SQS does not see: the status, AWS's name for it, and a sentence."""

    def __init__(self, status: HTTPStatus, kind: str, text: str) -> None:
        super().__init__(text)
        self.status, self.kind = status, kind


def check_head(request: Request, token: str) -> int:
    """Return the length of the body, which is not read yet. Raises Refused."""
    fields = request.fields
    if not same_origin.is_ours(request) or "origin" in fields:
        raise Refused(HTTPStatus.FORBIDDEN, "AccessDenied", "This API is not for web pages")
    if not hmac.compare_digest(fields.get(TOKEN, "").encode(), token.encode()):
        words = "The security token included in the request is invalid."
        raise Refused(HTTPStatus.FORBIDDEN, "UnrecognizedClientException", words)
    if request.method != "POST":
        raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, "InvalidAction", "Send POST")
    return _length(fields.get("content-length", ""), "transfer-encoding" in fields)


def check_operation(request: Request) -> None:
    """The JSON protocol names it in a header, the query protocol in the form or the query.

    Raises Refused unless it is named once.
    """
    target = request.fields.get("x-amz-target")
    if target is None:
        named = _actions(request)
    else:
        named = [target.removeprefix(_TARGET) if target.startswith(_TARGET) else ""]
    if len(named) != 1 or named[0] not in OPERATIONS:
        raise Refused(HTTPStatus.BAD_REQUEST, "InvalidAction", "This is no operation of SQS")


def _length(text: str, is_chunked: bool) -> int:
    if is_chunked or not (text.isascii() and text.isdecimal()):
        words = "Send a Content-Length, and no Transfer-Encoding"
        raise Refused(HTTPStatus.LENGTH_REQUIRED, "MissingContentLength", words)
    if len(text) > len(str(MAX_BYTES)) or int(text) > MAX_BYTES:
        words = f"A request has at most {MAX_BYTES} bytes"
        raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "RequestTooLarge", words)
    return int(text)


def _actions(request: Request) -> list[str]:
    kind = request.fields.get("content-type", "").partition(";")[0].strip().lower()
    form = request.body if kind == _FORM else b""
    try:
        return [
            action
            for text in (request.query, form.decode())
            for action in parse_qs(text, max_num_fields=10_000).get("Action", [])
        ]
    except ValueError:  # too many fields, or not UTF-8
        return [""]
