"""What client processes have in common: imported once, before each of them is forked.

Fifty that import it each would take 30 MB and half a second of processor each.
"""

from __future__ import annotations

import gc

from bench.load import crowd, line

__all__ = ["crowd", "line"]

gc.collect()
gc.freeze()  # a collection would write to each object, and so copy the pages that are shared
