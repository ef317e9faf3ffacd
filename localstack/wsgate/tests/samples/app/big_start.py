"""A module that takes more memory than it has to be imported."""

import time

taken = bytearray(160 * 1024 * 1024)
taken[::4096] = b"x" * len(taken[::4096])
time.sleep(20)
