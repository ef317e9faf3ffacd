"""The table of conformance cases.

They are those of docs/aws-behaviour.md §17, and every line of §1 to §11 that can be tested.

Left to tests of their own: HTTP and AWS integrations (§7.8 to §7.14), and how a request is signed
(§3.15, §11.2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance import ending, opening, reaching, speaking

if TYPE_CHECKING:
    from conformance.vocabulary import Case

CASES: list[Case] = [
    *opening.CASES,
    *speaking.CASES,
    *ending.CASES,
    *reaching.CASES,
]
