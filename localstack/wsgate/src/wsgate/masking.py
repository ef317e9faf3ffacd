"""Secrets, which are kept out of the log, the console and recordings. Pure.

Functions and clients get everything as it is; only what is shown or written down is masked:

- a value that is known: of a NoEcho parameter, an API key, a key of the run
- what stands behind a name such as `Authorization`, `Cookie`, `x-api-key`, `ticket`, `token`
- what has the shape of a secret: a JWT, a bearer token, the password in a URL
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, unquote_plus, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable

MASKED: Final = "***"
MIN_SECRET: Final = 4
"""Characters: a shorter value would be masked in every other word."""

# The ends of names, in small letters and without - and _.
_NAMES: Final = (
    "apikey",
    "authorization",
    "cookie",
    "cookies",
    "passwd",
    "password",
    "secret",
    "secretaccesskey",
    "signature",
    "ticket",
    "token",
)
_WORDS: Final = (
    "api-key",
    "api_key",
    "apikey",
    "passwd",
    "password",
    "secret",
    "signature",
    "ticket",
    "token",
)
_HEADERS: Final = ("authorization", "cookie", "x-api-key")
_QUOTED: Final = (*_WORDS, *_HEADERS, "cookies")


@dataclass(frozen=True)
class _Shape:
    """A pattern, tried only on a text that has one of the words and an end after it.

    Its first group stays, the rest of what it finds is masked.
    """

    words: frozenset[str]
    ends: tuple[str, ...]
    pattern: re.Pattern[str]

    def may_be_in(self, small: str, said: list[str]) -> bool:
        """Look for what is cheap to find. `small` is the text in small letters."""
        words = [word for word in said if word in self.words]
        return any(word + end in small for word in words for end in self.ends)


def _shape(words: tuple[str, ...], ends: tuple[str, ...], pattern: str) -> _Shape:
    """`WORDS` in the pattern is any of the words."""
    any_of = "|".join(map(re.escape, words))
    compiled = re.compile(pattern.replace("WORDS", f"(?:{any_of})"), re.IGNORECASE)
    return _Shape(frozenset(words), ends, compiled)


_QUOTES: Final = ('"', "'", "\\")
# Each reads a text once, whatever the text is: no start lies inside of what an earlier one reads.
_SHAPES: Final = (
    _shape(("eyj",), ("",), r"()(?<![\w-])eyJ[\w-]{4,}\.[\w-]{4,}\.[\w-]*"),
    _shape(("bearer", "basic"), (" ", "\t"), r"(\bWORDS\s+)[\w.~+/-]{20,}=*"),
    _shape(_WORDS, ("=",), r"(WORDS=)[^\s&;,'\"<>]+"),
    _shape(_QUOTED, _QUOTES, r"(WORDS\\?[\"']\s*:\s*\\?[\"'])(?:[^\"'\\]|\\[^\"'])+"),
    _shape(_QUOTED, _QUOTES, r"(WORDS\\?[\"']\s*:\s*\[)[^\]]+"),
    _shape(_HEADERS, (":", " "), r"(\bWORDS\s*:\s+)\S[^\r\n'\"]*"),
    _shape(("://",), ("",), r"(://[^\s/:@'\"]{0,128}:)[^\s/@'\"]+(?=@)"),
)

_ALL_WORDS: Final = tuple({word for shape in _SHAPES for word in shape.words})


class Mask:
    """Masks texts, and values of JSON. It may be pickled."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        """`secrets` are values that are masked wherever they stand."""
        self._known = sorted(set(_forms(secrets)), key=len, reverse=True)

    def text(self, text: str) -> str:
        """A line, or a piece of text that is no JSON."""
        for secret in self._known:
            if secret in text:
                text = text.replace(secret, MASKED)
        small = text.lower()
        said = [word for word in _ALL_WORDS if word in small]  # most texts have none
        for shape in _SHAPES if said else ():
            if shape.may_be_in(small, said):
                text = shape.pattern.sub(rf"\1{MASKED}", text)
        return text

    def document(self, text: str) -> str:
        """A text that may be JSON: an event, a body. It stays as it is if nothing is masked."""
        if text[:1] in {"{", "["}:
            try:
                given = json.loads(text)
                shown = self.value(given)
            except (ValueError, RecursionError):
                return self.text(text)
            return text if shown == given else json.dumps(shown, separators=(",", ":"))
        return self.text(text)

    def value(self, value: Any) -> Any:
        """A value of JSON: the same keys, the same types."""
        if isinstance(value, str):
            return self.document(value)
        if isinstance(value, list):
            return [self.value(item) for item in value]
        if isinstance(value, dict):
            return {key: self._member(key, item, value) for key, item in value.items()}
        return value

    def _member(self, key: str, item: Any, of: dict[str, Any]) -> Any:
        if is_secret(key):
            return _hidden(key, item)
        if key == "rawQueryString" and isinstance(item, str):
            return self._query(item)
        if key == "body" and of.get("isBase64Encoded") is True and isinstance(item, str):
            return self._base64(item)
        return self.value(item)

    def _query(self, query: str) -> str:
        parts = (part.partition("=") for part in query.split("&"))
        return "&".join(
            f"{name}={MASKED}"
            if equals and is_secret(unquote_plus(name))
            else f"{name}{equals}{self.text(value)}"
            for name, equals, value in parts
        )

    def _base64(self, body: str) -> str:
        """Forms come so; what is no text stays."""
        try:
            text = base64.b64decode(body, validate=True).decode()
        except ValueError:
            return body
        shown = self.document(text)
        return body if shown == text else base64.b64encode(shown.encode()).decode()


@lru_cache(1024)
def is_secret(name: str) -> bool:
    """Say whether what has this name is masked: `X-Api-Key`, `serviceToken`, `TICKET_SECRET`."""
    return name.lower().replace("-", "").replace("_", "").endswith(_NAMES)


def _forms(secrets: Iterable[str]) -> Iterable[str]:
    """Each secret as it is, in a URL, and in JSON; of a URL its password by itself, too."""
    for secret in secrets:
        for part in (secret, _password(secret)):
            if len(part) >= MIN_SECRET:
                yield from (part, quote(part, safe=""), json.dumps(part)[1:-1])


def _password(secret: str) -> str:
    try:
        return urlsplit(secret).password or ""
    except ValueError:
        return ""


def _hidden(name: str, value: Any) -> Any:
    """All texts of it, in the same shape."""
    if isinstance(value, str):
        return _hidden_text(name.lower(), value)
    if isinstance(value, list):
        return [_hidden(name, item) for item in value]
    if isinstance(value, dict):
        return {key: _hidden(name, item) for key, item in value.items()}
    return value


def _hidden_text(name: str, text: str) -> str:
    """A cookie's name stays, and the scheme of an Authorization."""
    if not text:
        return text
    if name.endswith(("cookie", "cookies")):
        cookies = (part.partition("=") for part in text.split("; "))
        return "; ".join(f"{cookie}={MASKED}" if is_ else MASKED for cookie, is_, _ in cookies)
    scheme, space, _ = text.partition(" ")
    return f"{scheme} {MASKED}" if space and name.endswith("authorization") else MASKED
