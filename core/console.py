"""What a command shows, in whatever encoding, with a bar; and how Ctrl-C ends it with what there is."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from typing import Any

from tqdm import tqdm

from core import amounts
from core.settings import Progress, Result


def printable() -> None:
    """What the output cannot show (a name in cp1252, as of files on Windows) is escaped, and ends nothing."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # there may be none, or another program's
            stream.reconfigure(errors="backslashreplace")


def shape() -> dict[str, Any]:
    """Of a bar, as `tqdm` takes it: a usual one where the terminal says that it has no columns, as in a container; else
    none, so that it is that of the terminal."""
    with contextlib.suppress(OSError, ValueError, AttributeError):  # there is none
        return {} if os.get_terminal_size(sys.stderr.fileno()).columns else {"ncols": 80, "nrows": 24}
    return {}


@contextlib.contextmanager
def ctrl_c() -> Iterator[threading.Event]:
    """Set when Ctrl-C was pressed inside: what is being made shall end with what there is. Pressed again, all ends."""
    pressed = threading.Event()

    def heard(_: int, __: Any) -> None:
        if pressed.is_set():
            raise KeyboardInterrupt
        pressed.set()

    before = signal.signal(signal.SIGINT, heard)
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def ended_tidily() -> Iterator[None]:
    """Who ends the process (SIGTERM) leaves none of its folders for temporary files behind."""

    def heard(number: int, _: Any) -> None:
        raise SystemExit(128 + number)  # as shells call it

    before = signal.signal(signal.SIGTERM, heard)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def watched(events: Iterator[Progress | Result], title: str, quiet: bool) -> Result:
    """Run an engine to its end under a progress bar."""
    layout = "{desc} {percentage:3.0f}% {bar} {postfix}"
    with tqdm(desc=title, disable=quiet or None, bar_format=layout, **shape()) as bar:
        for event in events:
            if isinstance(event, Result):
                return event
            bar.total = event.total
            bar.update(event.step - bar.n)
            if event.losses and event.seconds_left is not None:
                left = amounts.between(event.seconds_left, event.seconds_left_at_most)
                bar.set_postfix_str(f"{left} left, loss {event.losses['total']:.4f}")
    raise RuntimeError("the engine ended without a result")
