"""A Django backend that signs users in and signs tickets for Headcount. One file, no database."""

import os
import secrets
import sys
import time

import jwt
from django.conf import settings
from django.core.management import execute_from_command_line
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_GET, require_POST

settings.configure(
    ALLOWED_HOSTS=["127.0.0.1", "localhost"],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
    ],
    ROOT_URLCONF=__name__,
    SECRET_KEY=secrets.token_urlsafe(),  # yours is kept: with this one a restart signs users out
    SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
    USE_TZ=True,
    HEADCOUNT_SOCKET_URL=os.environ["HEADCOUNT_SOCKET_URL"],
    HEADCOUNT_TICKET_SECRET=os.environ["HEADCOUNT_TICKET_SECRET"],
)


@require_GET
@ensure_csrf_cookie
def page(request: HttpRequest) -> HttpResponse:
    """Yours loads the client. Django wants the cookie `csrftoken` back in X-CSRFToken."""
    return HttpResponse("signed in" if "user_id" in request.session else "sign in first")


@require_POST
def sign_in(request: HttpRequest) -> HttpResponse:
    """Believe any name. With django.contrib.auth, use `login` and `request.user` in its place."""
    if not request.POST.get("user_id"):
        return HttpResponse(status=400)
    request.session["user_id"] = request.POST["user_id"]
    return HttpResponse(status=204)


@require_POST
def ticket(request: HttpRequest) -> HttpResponse:
    """A ticket for the user who is signed in."""
    if "user_id" not in request.session:
        return HttpResponse(status=401)
    claims = {
        "aud": "headcount",
        "sub": request.session["user_id"],
        "jti": secrets.token_urlsafe(16),
        "exp": int(time.time()) + 30,
        "resource": "final",
    }
    signed = jwt.encode(claims, settings.HEADCOUNT_TICKET_SECRET, algorithm="HS256")
    return JsonResponse({"url": settings.HEADCOUNT_SOCKET_URL, "ticket": signed})


urlpatterns = [path("", page), path("sign-in", sign_in), path("ticket", ticket)]

if __name__ == "__main__":
    execute_from_command_line(sys.argv)
