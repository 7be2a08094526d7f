"""How long to wait before something is tried again that failed for a reason that passes."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

_LOOK_SECONDS = 0.1


def pause(before: int, *, first: float, most: float) -> float:
    """Return the seconds before the next try, twice as many each time; ``before``: how many pauses there were.

    Up to half of it is taken off at random, so that those who failed at the same time do not come again together.
    """
    return min(most, first * 2.0**before) * random.uniform(0.5, 1.0)


def rest(seconds: float, over: Callable[[], bool]) -> bool:
    """Wait; return whether the time has passed, and not ``over`` first."""
    until = time.monotonic() + seconds
    while not over():
        left = until - time.monotonic()
        if left <= 0:
            return True
        time.sleep(min(left, _LOOK_SECONDS))
    return False
