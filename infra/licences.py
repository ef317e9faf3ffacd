"""The licences of what we depend on, by what the installed packages say themselves."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, metadata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ALLOWED = {
    "0BSD",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BlueOak-1.0.0",
    "CC0-1.0",
    "CNRI-Python",
    "ISC",
    "MIT",
    "MIT-0",
    "MPL-2.0",
    "PSF-2.0",
    "Python-2.0",
    # As classifiers name them: https://pypi.org/classifiers/
    "Apache Software License",
    "BSD License",
    "ISC License (ISCL)",
    "MIT License",
    "MIT No Attribution License (MIT-0)",
    "Mozilla Public License 2.0 (MPL 2.0)",
    "Python Software Foundation License",
}
"""They allow to use, change and distribute; of the MPL, changed files stay open."""
REVIEWED = {
    "cookiecutter": "its metadata say nothing; its file LICENSE is that of BSD-3-Clause",
    "docutils": "a file for Emacs, which is not installed, has the GPL; all else is free",
    "kosoku": "its metadata say nothing; its file LICENSE is the MIT License",
    "text-unidecode": "the Artistic License, at our choice; only the SAM CLI of a test uses it",
}
"""What a person has read, because the metadata does not say it."""
PINNED = re.compile(r"^([A-Za-z0-9._-]+)==", re.MULTILINE)


def not_allowed(names: Iterable[str]) -> Iterator[tuple[str, list[str]]]:
    """Those whose licence is not in ALLOWED, with what they say. What is not installed here, such
    as a package for another platform, says nothing and is left out.
    """
    for name in names:
        said = licences(name)
        if said is not None and name not in REVIEWED and not is_allowed(said):
            yield name, said


def licences(name: str) -> list[str] | None:
    """What an installed package says: an SPDX expression, classifiers, or a free text."""
    try:
        about = metadata(name)
    except PackageNotFoundError:
        return None
    if expressions := about.get_all("License-Expression"):
        return expressions
    classifiers = [one.split(" :: ") for one in about.get_all("Classifier") or []]
    named = [one[-1] for one in classifiers if one[0] == "License" and one[-1] != "OSI Approved"]
    return named or about.get_all("License") or []


def is_allowed(said: list[str]) -> bool:
    """Whether all that is said is allowed: of alternatives one, of several parts each."""
    return bool(said) and all(map(_is_allowed_expression, said))


def _is_allowed_expression(expression: str) -> bool:
    if expression in ALLOWED:
        return True
    either = [part.strip("() ") for part in expression.split(" OR ")]
    return any(all(one.strip("() ") in ALLOWED for one in part.split(" AND ")) for part in either)


def pinned(requirements: str) -> list[str]:
    """The names in a lock file."""
    return PINNED.findall(requirements)
