"""Workers of the test's own process: one after the other, on one thread, so that numbers are the same each time."""

import contextlib
from collections.abc import Iterator

import torch
from accelerate.state import AcceleratorState


@contextlib.contextmanager
def alone() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    AcceleratorState._reset_state(True)
    yield
    AcceleratorState._reset_state(True)
    torch.set_num_threads(threads)
