"""How tests wait: for something to be so, and as long as it takes on a machine that has other things to do.

The limits only end what would never come, and say what was waited for; no test is about them. They are less than
pytest's own (`timeout` in pyproject.toml), which says less.
"""

import time
from collections.abc import Callable

PATIENCE = 240.0  # seconds


def until(true: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Returns once `true()` is."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"still not so after {seconds:.0f} s"
        time.sleep(0.05)
