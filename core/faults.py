"""Work that nobody waits for: its faults go to the log, and it goes on."""

from __future__ import annotations

import contextlib
import sys
import threading
import traceback
from collections.abc import Callable, Iterator

from core.errors import UserError


@contextlib.contextmanager
def logged() -> Iterator[None]:
    """What goes wrong inside is told in the log, and ends nothing else."""
    try:
        yield
    except Exception as error:
        with contextlib.suppress(OSError):  # the log's disk may be full as well
            if isinstance(error, UserError):
                print(f"ganvas: {error}", file=sys.stderr, flush=True)
            else:
                traceback.print_exc()


@contextlib.contextmanager
def again(work: Callable[[], None], seconds: float) -> Iterator[None]:
    """While inside, `work` is done every so many seconds, in a thread of its own that no fault ends."""
    over = threading.Event()

    def keep_on() -> None:
        while not over.is_set():
            with logged():
                work()
            over.wait(seconds)

    thread = threading.Thread(target=keep_on, name=f"ganvas-{work.__name__}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
