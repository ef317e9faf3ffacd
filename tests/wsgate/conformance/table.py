"""The table of conformance cases: APIGW.md §17, and every line of §1 to §11 that can be tested.

Left to others' tests beside theirs: models (§7.15), HTTP and AWS integrations (§7.8 to §7.14), IAM
and API keys (§3.14, §3.15), custom domains (§1.6 to §1.9), throttling (§2.1, §6).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.wsgate.conformance import ending, opening, speaking

if TYPE_CHECKING:
    from tests.wsgate.conformance.vocabulary import Case

CASES: list[Case] = [*opening.CASES, *speaking.CASES, *ending.CASES]
