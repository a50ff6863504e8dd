"""How the studio ends. A signal comes; what is at work ends and is kept; then the server goes.

SIGTERM means that the machine or the service ends (a Space, `docker stop`, systemd, `kill`): paintings and samples
stop, open streams close, and training workers save a checkpoint and end too, so that nothing is left behind. Their
runs show as interrupted at the next start, and Resume goes on from the last step. Ctrl-C is somebody at the keyboard
who restarts the studio: there trainings go on without it, as they do when a page is closed. In public mode it is like
SIGTERM. All of it takes less than ten seconds, the time `docker stop` gives.
"""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from types import FrameType
from typing import Any

from core import faults, jobs
from core.runs import processes
from core.runs.run_folder import Run
from core.visitors import policy
from ui.server import gate

JOB_SECONDS = 4.0  # for the job at work: a large painting's step may take that long
SECONDS = 7.0  # for all, workers that save included


@contextlib.contextmanager
def tidy() -> Iterator[Sequence[Any]]:
    """While the server runs: the signals that end it first end what it has at work. Yields what is empty until then."""
    ending: list[threading.Thread] = []
    before: dict[int, Any] = {}

    def handle(number: int, frame: FrameType | None) -> None:
        if not ending:  # pressed again, only the server's own handler is called, and it gives up waiting
            ending.append(threading.Thread(target=_end, args=(number,), name="ganvas-ending"))
            ending[0].start()
        if callable(before[number]):
            before[number](number, frame)

    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGINT):
            before[number] = signal.signal(number, handle)
    try:
        yield ending
    finally:
        for thread in ending:
            thread.join()
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(number: int) -> None:
    until = time.monotonic() + SECONDS
    workers: Sequence[Run] = ()
    with faults.logged():
        gate.stop()
    with faults.logged():
        workers = processes.interrupt() if number == signal.SIGTERM or policy.public() else ()
    with faults.logged():
        jobs.close(JOB_SECONDS)
    processes.end(workers, until - time.monotonic())
