"""Workers that do nothing any more: stopped (SIGSTOP), or waiting for what will never come.

Such a worker uses no processor time; the slowest step on the busiest computer does. Looks are counted, not seconds:
while this computer slept, or whoever looks was stopped too, no worker could have done anything. Plain: knows of a
run's folder only which process works on it.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from typing import Any

import psutil

from core.errors import UserError
from core.runs.run_folder import Run, lives, process_of, write_state

LOOK_SECONDS = 20.0  # between looks, at least
LOOKS = 6  # after so many in a row at which it had done nothing, a worker is given up
NOTHING = 0.001  # of one processor's time, at most
GONE_SECONDS = 5.0  # a killed process may take a moment


@dataclass(frozen=True)
class _Look:
    worker: dict[str, Any]
    when: float
    used: float  # seconds of processor time until then
    still: int = 0  # looks in a row, this one included, at which it had done nothing


_looks: dict[Run, _Look] = {}


def give_up(run: Run) -> None:
    """Look at a run's worker; end it when it has done nothing for long. Its last checkpoint counts, and the run shows
    as interrupted, with the reason as its message."""
    state, now, last = run.state, time.monotonic(), _looks.get(run)
    worker = process_of(state)
    if last is not None and last.worker != worker:
        last = None
    if not lives(state) or (last and now - last.when < LOOK_SECONDS):
        return
    try:
        process = psutil.Process(state["pid"])
        used = sum(process.cpu_times()[:2])
        still = last.still + 1 if last and used - last.used <= NOTHING * (now - last.when) else 0
        _looks[run] = _Look(worker, now, used, still)
        if still < LOOKS:
            return
        process.kill()
        with contextlib.suppress(psutil.TimeoutExpired):  # it may remain as a zombie, which does not live
            process.wait(GONE_SECONDS)
    except psutil.Error:
        return
    if lives(state):
        return
    del _looks[run]
    minutes = max(1, round(LOOKS * LOOK_SECONDS / 60))
    message = f"Its process did nothing for {minutes} minutes and was ended, so that others get their turn."
    with contextlib.suppress(UserError):  # a full disk; its place is free all the same
        write_state(run, **{**state, "message": message})
