"""The HTTP API as one application."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from fastapi.routing import APIRoute
from fastapi_offline import FastAPIOffline
from mangum.adapter import DEFAULT_TEXT_MIME_TYPES

from handlers.web.errors import PROBLEM_TYPE, add_exception_handlers
from handlers.web.openapi import document
from handlers.web.rate_limit import RateLimitHeaders
from handlers.web.routes import (
    admin,
    audience,
    audit,
    bonuses,
    campaigns,
    corrections,
    documents,
    draws,
    grants,
    health,
    keys,
    news,
    payouts,
    presence,
    questions,
    reports,
    reveals,
    tickets,
    user_data,
    users,
    webhooks,
)
from handlers.web.scopes import scopes_of
from handlers.web.security_headers import SecurityHeaders

if TYPE_CHECKING:
    from fastapi import FastAPI

    from handlers.web.deps import Container

DESCRIPTION = """The API for your backend: tickets, presence, reports, bonuses, news, grants.

- Every request except `GET /health` needs the header `Authorization: Bearer <token>`: the service
  token, which may do all, or a key from `POST /keys`, which may do what its scopes say.
- A deployment may hold several apps, which share nothing. A key belongs to one. The service token
  is for all: the header `Headcount-App` names one, and without it the request is for `main`.
- Times are integer milliseconds since the epoch, by the database's clock. A request may also write
  a moment as RFC 3339, with its offset from UTC: `2026-03-01T18:30:00Z`.
- What is misspelt is refused: a parameter or a member that a path does not know, one that comes
  twice, a number that is sent as text.
- A name (of a user, a resource, a device) has 1 to 128 characters, any but NUL and half a surrogate
  pair. A body is nested at most 500 levels deep.
- To read the next page of a list, pass the page's `next` as `after`. A path that ends in `.csv`
  returns the same list as a CSV file.
- An error is a problem (RFC 9457, `application/problem+json`) with a `code` for programs and a
  `detail` for people; its `type` leads to what the code means. A refused request has changed
  nothing. Only after a 5xx that is open: give a request an id of your own, and you can safely send
  it again.
- A key may have a limit of requests a minute. Each answer to such a key says in the headers
  `RateLimit-Policy` and `RateLimit` what is left; beyond it comes 429, with `Retry-After`.
"""
TAGS = [
    {"name": "tickets", "description": "Let a user connect."},
    {
        "name": "presence",
        "description": "Who is online, sessions, and who comes and goes.",
    },
    {"name": "reports", "description": "Watch time, concurrent viewers, audiences."},
    {
        "name": "corrections",
        "description": "Correct past sessions: with a reason, and for all to see.",
    },
    {"name": "bonuses", "description": "Offer bonuses and draw winners."},
    {"name": "campaigns", "description": "Award bonuses for watching."},
    {"name": "news", "description": "Tell users something."},
    {"name": "questions", "description": "Ask users something."},
    {"name": "reveals", "description": "Show users something at one instant."},
    {"name": "grants", "description": "Pay out what users have claimed."},
    {"name": "admin", "description": "Kick users and end sessions."},
    {"name": "user data", "description": "Export and erase what is stored of a user."},
    {"name": "webhooks", "description": "Have your other systems told what happens."},
    {"name": "keys", "description": "Keys for your programs. Only the service token opens these."},
    {"name": "audit", "description": "Who ordered what, when and from where."},
    {"name": "health", "description": "For monitoring."},
]
# What Mangum hands over as it is; anything else in base64.
TEXT_TYPES = [*DEFAULT_TEXT_MIME_TYPES, PROBLEM_TYPE]
ROUTERS = (
    tickets.router,
    presence.router,
    users.router,
    reports.router,
    audience.router,
    corrections.router,
    bonuses.router,
    draws.router,
    campaigns.router,
    news.router,
    questions.router,
    reveals.router,
    grants.router,
    payouts.router,
    admin.router,
    user_data.router,
    webhooks.router,
    keys.router,
    audit.router,
    health.router,
    health.service,
    documents.router,
)


def application(container: Container) -> FastAPI:
    """Build the API on a container's database, queue and gateway."""
    app = FastAPIOffline(
        redoc_url=None,  # it loads an image from elsewhere, and shows what /docs shows
        title="Headcount",
        version="1",
        description=DESCRIPTION,
        openapi_tags=TAGS,
    )
    app.openapi = partial(document, app)  # type: ignore[method-assign]  # as FastAPI proposes
    app.state.container = container
    app.add_middleware(SecurityHeaders)
    app.add_middleware(RateLimitHeaders)
    add_exception_handlers(app)
    # Not include_router, which makes each route once more: a fifth of a cold start.
    for router in ROUTERS:
        app.router.routes.extend(router.routes)
        for route in router.routes:
            if isinstance(route, APIRoute) and (scopes := scopes_of(route.name)):
                route.openapi_extra = dict(zip(("x-scope", "x-also-scope"), scopes, strict=False))
    return app
