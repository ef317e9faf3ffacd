"""What the gateway itself answers: error frames, close codes and statuses.

What `docs/aws-behaviour.md` calls a GUESS is a constant of its own here.
"""

from __future__ import annotations

from http import HTTPStatus

# Which of API Gateway's metrics counts what went wrong: before the integration was asked, in its
# answer, or because it could not be called (docs/aws-behaviour.md §12.5).
CLIENT_ERROR = "ClientError"
INTEGRATION_ERROR = "IntegrationError"
EXECUTION_ERROR = "ExecutionError"

# Frames of the gateway's own, to the byte (docs/aws-behaviour.md §6).
FORBIDDEN = "Forbidden"
INTERNAL_SERVER_ERROR = "Internal server error"
TIMED_OUT = "Endpoint request timed out"
# GUESS: no capture shows a throttled message (docs/aws-behaviour.md §6, §18.3).
TOO_MANY_REQUESTS = "Too Many Requests"

GOING_AWAY = (1001, "Going away")  # idle (docs/aws-behaviour.md §9.6)
# GUESS: the code at two hours was never captured (docs/aws-behaviour.md §9.7)
LIFE_OVER = GOING_AWAY
SHUTTING_DOWN = GOING_AWAY  # GUESS: as API Gateway's own maintenance (docs/aws-behaviour.md §9.11)
DELETED = (1000, "Connection Closed Normally")  # the event shows it; on the wire a GUESS (§11.8)
BINARY = (1003, "")  # docs/aws-behaviour.md §9.3; the reason is a GUESS
NOT_UTF8 = (1007, "")  # GUESS, from RFC 6455 (docs/aws-behaviour.md §9.5)
NO_STATUS = (1005, "Client-side close frame status not set")  # docs/aws-behaviour.md §10.3
LOST = (1006, "")  # GUESS: no close frame came (docs/aws-behaviour.md §10.3)

# GUESS: a time-out of $connect, and of an authorizer, as for REST APIs (docs/aws-behaviour.md §2.1,
# §3.5).
CONNECT_TIMED_OUT = HTTPStatus.GATEWAY_TIMEOUT
AUTHORIZER_FAILED = HTTPStatus.INTERNAL_SERVER_ERROR
NO_STATUS_OF_MOCK = HTTPStatus.INTERNAL_SERVER_ERROR
# GUESS: Lambda could not be invoked at all, as for REST APIs (docs/aws-behaviour.md §2.1).
CONNECT_NOT_INVOKED = HTTPStatus.INTERNAL_SERVER_ERROR
# GUESS: an endpoint out of reach is what REST APIs call an integration failure
# (docs/aws-behaviour.md §2.1).
ENDPOINT_UNREACHABLE = HTTPStatus.GATEWAY_TIMEOUT
# GUESS: a $connect that is no proxy has no status of its own when its function fails (§2.1).
CUSTOM_CONNECT_FAILED = HTTPStatus.BAD_GATEWAY
# GUESS: a required parameter is missing, as for REST APIs (docs/aws-behaviour.md §7.11).
PARAMETER_MISSING = HTTPStatus.BAD_REQUEST
# GUESS: a client that gave up while $connect ran counts as connected, and then as lost.
ABANDONED_HANDSHAKE_DISCONNECTS = True
# GUESS: API Gateway may not invoke the function, as for REST APIs (docs/aws-behaviour.md §2.1,
# §8.7).
NOT_PERMITTED = "no AWS::Lambda::Permission lets API Gateway invoke the function"
# GUESS: a handshake without a good API key, as for REST APIs (docs/aws-behaviour.md §2.1).
NO_API_KEY = HTTPStatus.FORBIDDEN
# A handshake that is not signed, or by somebody else (docs/aws-behaviour.md §3.15).
NOT_SIGNED = HTTPStatus.FORBIDDEN
# GUESS: a reply larger than a message may be is an error of the integration (docs/aws-behaviour.md
# §9.2).
LARGE_REPLY = INTERNAL_SERVER_ERROR


def error_frame(message: str, connection_id: str, request_id: str) -> str:
    """One space after `"message":` and after each comma, none after the other colons (§6)."""
    return (
        f'{{"message": "{message}", "connectionId":"{connection_id}", "requestId":"{request_id}"}}'
    )


def first_line(error: Exception | str) -> str:
    """For the log, which is a terminal: some of the words are the client's own."""
    words = str(error).partition("\n")[0][:200]
    return "".join(character for character in words if character.isprintable())
