"""The id of a message that cannot be read, so that its refusal has an address.

A client that is not told which of its messages was refused can only send all of them again.
"""

from __future__ import annotations

import re

# A string as JSON writes it, or what opens, closes or joins. All else in a message is skipped.
TOKENS = re.compile(r'"((?:[^"\\]|\\.)*)"|[\[\]{}:,]', re.DOTALL)
ID = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")


def find_id(body: str) -> str | None:
    """The value of `id` in the outermost object, as far as the text goes; None without one.

    It reads what JSON's parsers refuse: half a surrogate pair, a text that ends too early, a
    thousand levels.
    """
    if not body.lstrip().startswith("{"):
        return None
    level, key, follows_colon = 0, None, False
    for token in TOKENS.finditer(body):
        text = token.group(1)
        if text is not None:
            if level == 1 and follows_colon and key == "id":
                return text if ID.match(text) else None
            key, follows_colon = text, False
        elif token.group() in ":,":
            follows_colon = token.group() == ":"
        else:
            level += 1 if token.group() in "[{" else -1
            key, follows_colon = None, False
    return None
