"""Who calls @connections and Invoke: checked with `--iam`, only told without.

docs/aws-behaviour.md §11.2.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from wsgate.core import access
from wsgate.core.authorizer import facts
from wsgate.core.signature import NOT_SIGNED, Scope, Signed, Unsigned
from wsgate.transport.responses import aws_error

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wsgate.model.ids import Millis
    from wsgate.transport.responses import Request, Response

MANAGE = "execute-api:ManageConnections"
INVOKE_FUNCTION = "lambda:InvokeFunction"
# GUESS: in practice, where the model has ForbiddenException (docs/aws-behaviour.md §11.5).
DENIED = "AccessDeniedException"


class Authorization:
    """Lets requests through, or answers as AWS does."""

    def __init__(
        self,
        known: Mapping[str, access.Principal],
        region: str,
        *,
        is_strict: bool,
        log: Callable[[str], None],
    ) -> None:
        """`known` is who may sign, by the id of the key. Not strict, nothing is refused."""
        self._known, self._region, self._is_strict, self._log = known, region, is_strict, log
        self._was_told = False

    def refusal(self, request: Request, action: str, resource: str, now: Millis) -> Response | None:
        """What AWS answers to who may not do this; None lets the request through.

        A body that was too large to keep cannot be checked: its own refusal comes first.
        """
        if not self._is_strict:
            self._tell(request)
            return None
        if request.too_large:
            return None
        scope = Scope(self._region, action.partition(":")[0])
        signed = Signed(request.method, request.path, request.query, request.headers, request.body)
        try:
            _, principal = access.identify(signed, self._known, scope, now)
            access.check(principal, action, resource, _facts(request))
        except Unsigned as error:
            return aws_error(HTTPStatus.FORBIDDEN, error.kind, error.text)
        except access.Denied as error:
            return aws_error(HTTPStatus.FORBIDDEN, DENIED, str(error))
        return None

    def _tell(self, request: Request) -> None:
        """Say once what AWS would have answered: an unsigned push works here only."""
        if not self._was_told and "authorization" not in request.fields:
            self._was_told = True
            kind, words = NOT_SIGNED
            self._log(
                f"{request.method} {request.path[:200]} is not signed: AWS answers 403 {kind}, "
                f'"{words}"; so does wsgate with --iam'
            )


def _facts(request: Request) -> dict[str, str]:
    """What the role's conditions may ask."""
    agent = request.fields.get("user-agent", "")
    return facts({"sourceIp": request.source_ip, "userAgent": agent})
