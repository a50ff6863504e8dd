"""Pairs of runs that are trained in step, to be seen side by side: whose settings name each other as twins.

Each is a run like any other, with a process of its own; at every mark, a twenty-fourth of the steps, it waits until its
twin has come as far. Who has no living twin goes on alone. Plain: no torch, no UI.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

from core.errors import UserError
from core.runs import lifecycle
from core.runs.run_folder import Run

MARKS = 24
WAIT_SECONDS = 0.03


@contextlib.contextmanager
def together() -> Iterator[list[Run]]:
    """The two runs that are put into the list become twins, the first one leading; what fails leaves neither."""
    made: list[Run] = []
    try:
        yield made
        first, second = made
        lifecycle.configure(first, twin=second.id, leads=True)
        lifecycle.configure(second, twin=first.id)
    except BaseException:
        for run in made:
            with contextlib.suppress(UserError):
                lifecycle.remove(run)
        raise


def of(run: Run) -> Run | None:
    """Its twin, if there is one still that says so too."""
    twin = run.twin and Run(run.path.parent / run.twin)
    return twin if twin and twin.twin == run.id else None


def pairs() -> list[tuple[Run, Run]]:
    """All of whoever asks, the newest first; the one that leads before its twin."""
    leading = [run for run in lifecycle.all_runs() if run.config.get("leads") is True]
    return [(run, twin) for run in leading if (twin := of(run))]


def marks(run: Run) -> int:
    """Steps from one mark to the next; 0 where there is no twin."""
    return max(1, run.request.steps // MARKS) if of(run) else 0


def wait(run: Run, ended: Callable[[], object]) -> None:
    """For the twin to come as far as its state says this one is."""
    step, twin = run.state.get("step", 0), of(run)
    while twin and twin.alive and twin.state.get("step", 0) < step and not ended():
        time.sleep(WAIT_SECONDS)
