"""Workers of the test's own process, one after the other."""

import contextlib
from collections.abc import Iterator

from accelerate.state import AcceleratorState


@contextlib.contextmanager
def alone() -> Iterator[None]:
    AcceleratorState._reset_state(True)
    yield
    AcceleratorState._reset_state(True)
