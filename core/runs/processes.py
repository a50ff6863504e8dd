"""The processes that train (`python -m core train FOLDER`): started, queued, paused, stopped; all wait in one line.

A run's folder is the only channel between a page and its worker: either may be closed, killed or restarted, and the
other goes on. Plain: no torch, no UI; nothing of how training works.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil
from filelock import FileLock, Timeout

from core import files
from core.errors import UserError
from core.files import home
from core.runs import lifecycle, stuck, twins
from core.runs.run_folder import Run, control, lives, process, write_state
from core.runs.states import (
    ALIVE,
    CHECKING,
    DAMAGED,
    FAILED,
    FINISHED,
    INTERRUPTED,
    NEW,
    PAUSED,
    QUEUED,
    READY,
    RUNNING,
    STARTING,
)
from core.visitors import identity, policy, secret

ROOT = Path(__file__).resolve().parents[2]
CLAIM_SECONDS = 5.0  # a killed worker may take a moment to be gone
LOCK_SECONDS = 20.0  # what is done under the lock of all takes far less
RESERVE = 16_384  # bytes
NICENESS = 10  # of workers, below that of the pages and of paintings: nobody waits for them

_children: list[subprocess.Popen] = []  # kept to be reaped: a finished child nobody asks about stays a zombie


# ---------------------------------------------------------------- what is allowed here


def _allow_start(run: Run) -> None:
    limits = policy.limits()
    if limits.train_minutes and run.state.get("seconds", 0) >= 60 * limits.train_minutes:
        rest = "download its generator" if run.checkpoints() else "start a new one with fewer or smaller pictures"
        raise UserError(
            f"{run.name} has taken the {limits.train_minutes:g} minutes a run has here; {rest} ({policy.ELSEWHERE})."
        )
    if limits.trainings is not None:
        theirs = sum(other.status in (QUEUED, STARTING, RUNNING) for other in lifecycle.runs_in(run.path.parent))
        if theirs + len(_resting_twin(run)) >= limits.trainings:
            raise UserError(f"{theirs} runs of yours are waiting or at work; wait for one of them, or pause it.")
    if limits.trainings_address is not None and (place := _place()):
        nearby = sum(other.status in (QUEUED, STARTING, RUNNING) and other.state.get("place") == place
                     for other in lifecycle.everyones())  # fmt: skip
        if nearby + len(_resting_twin(run)) >= limits.trainings_address:
            raise UserError(f"{nearby} runs from your network are waiting or at work; please try again later.")
    if limits.trainings_all is not None and len(_waiting()) >= limits.trainings_all:
        raise UserError(f"{limits.trainings_all} runs are waiting already; please try again later.")
    lifecycle.allow_disk()


def _place() -> str:
    """The address of whoever asks, so that it can be counted by and not be read; "" where it is not known."""
    address = identity.who().address
    return address and secret.signature(home(), address)[:16]


# ---------------------------------------------------------------- started, paused, stopped


def start_check(run: Run) -> None:
    """Prepare the images and measure twenty steps, in a process of its own. Among strangers, one at a time."""
    with _lock():
        if run.alive:
            return
        if policy.public() and any(other.status == CHECKING for other in lifecycle.everyones()):
            raise UserError("Someone else's images are being checked; try again in a minute, or press Start.")
        _spawn(run, CHECKING, "--check")


def start(run: Run) -> None:
    """Start or resume training in a process of its own, or queue it while another run trains."""
    with _lock():
        if run.alive or run.status == DAMAGED:
            return
        _allow_start(run)
        for each in (runs := [run, *_resting_twin(run)]):
            (each.path / "control").unlink(missing_ok=True)
        _spawn_or_queue(runs)


def interrupt() -> list[Run]:
    """Tell all workers to save and end, because the system does; -> their runs, which count as interrupted then."""
    interrupted = [run for run in lifecycle.everyones() if run.alive]
    for run in interrupted:
        _signal(run, psutil.Process.terminate)
    return interrupted


def end(interrupted: Sequence[Run], seconds: float) -> None:
    """Wait for workers that were told to end; one that does not is killed, and its last checkpoint counts."""
    until = time.monotonic() + seconds
    while any(run.alive for run in interrupted):
        if time.monotonic() > until:
            for run in interrupted:
                _signal(run, psutil.Process.kill)
            return
        time.sleep(0.05)


def _signal(run: Run, how: Callable[[psutil.Process], None]) -> None:
    with contextlib.suppress(psutil.Error):
        if lives(state := run.state):  # else its number may be another process's by now
            how(psutil.Process(state["pid"]))


def _spawn_or_queue(runs: Sequence[Run]) -> None:
    """One, or one and its twin."""
    place, queued = _place(), time.time()
    busy = any(other.status in (STARTING, RUNNING) for other in lifecycle.everyones())
    for run in runs:
        if busy:
            words = {"status": QUEUED, "queued": queued, "message": "", "place": place or run.state.get("place", "")}
            write_state(run, **{**run.state, **words})
        else:
            _spawn(run, STARTING)


def _resting_twin(run: Run) -> list[Run]:
    """The twin that is to be started with it: unless it is at work, or has come to its end."""
    twin = twins.of(run)
    return [twin] if twin and twin.status in (NEW, READY, PAUSED, INTERRUPTED, QUEUED) else []


def start_next() -> None:
    """Start the run that has waited longest, if none trains. Called by workers at their end, and by pages and the
    server now and then, so that no worker that was killed, or does nothing any more, holds up the queue."""
    _children[:] = [child for child in _children if child.poll() is None]
    found = {run: run.status for run in lifecycle.everyones()}
    waited_for = policy.public() or QUEUED in found.values()
    for run, status in found.items():
        if status in ALIVE and (waited_for or control(run)):
            stuck.give_up(run)
    if QUEUED not in found.values():
        return
    with _lock():
        waiting = _waiting()
        if waiting and not any(run.status in (STARTING, RUNNING) for run in lifecycle.everyones()):
            _spawn_first(waiting)


def _spawn_first(waiting: Sequence[Run]) -> None:
    """The first that can be started: one that cannot does not hold up the others."""
    refused: UserError | None = None
    for run in waiting:
        try:
            for each in (run, *(other for other in waiting if other == twins.of(run))):
                _spawn(each, STARTING)
            return
        except UserError as error:
            refused = refused or error
            with contextlib.suppress(UserError):
                write_state(run, **{**run.state, "status": FAILED, "message": str(error)})
    if refused:
        raise refused


def _waiting() -> list[Run]:
    """Everybody's queued runs in the order they are trained: the first of each visitor and each address, then the
    second. Among equals the one that came first goes first."""
    waiting = sorted(
        (run for run in lifecycle.everyones() if run.status == QUEUED), key=lambda run: run.state.get("queued", 0)
    )
    before: Counter[str] = Counter()
    turns: dict[Run, int] = {}
    for run in waiting:
        owners = (str(run.path.parent), run.state.get("place", ""))
        turns[run] = max(before[owner] for owner in owners if owner)
        before.update(owner for owner in owners if owner)
    return sorted(waiting, key=turns.__getitem__) if policy.public() else waiting


def queue_position(run: Run) -> int:
    """How many runs are trained before a queued one, whosever they are."""
    waiting = _waiting()
    at_work = sum(other.status in (STARTING, RUNNING) for other in lifecycle.everyones())
    return at_work + (waiting.index(run) if run in waiting else 0)


def pause(run: Run) -> None:
    """Ask the worker to save and end; a queued run leaves the queue. So does its twin."""
    for each in filter(None, (run, twins.of(run))):
        _pause(each)


def _pause(run: Run) -> None:
    if run.status == QUEUED:
        before = FINISHED if control(run).startswith("stop ") else PAUSED if run.checkpoints() else NEW
        (run.path / "control").unlink(missing_ok=True)
        write_state(run, **{**run.state, "status": before})
    elif run.alive:
        _tell(run, "pause")


def stop(run: Run) -> None:
    """Finish here: make the generator of what has been learned so far. Works for a paused run too."""
    if run.alive:
        _tell(run, "stop")
    elif run.checkpoints():
        _finish(run, "stop")
    else:
        raise UserError(f"{run.name} has learned nothing yet that a generator could be made of; start it first.")


def keep(run: Run, step: int) -> None:
    """Make the generator of a finished run anew, out of this checkpoint."""
    if run.status != FINISHED:
        raise UserError(f"{run.name} is not finished; finish it before choosing the step to keep.")
    if step not in run.checkpoints():
        raise UserError(f"{run.name} has no checkpoint at step {step}; choose one that is still kept.")
    _finish(run, f"stop {step}")


def _finish(run: Run, command: str) -> None:
    with _lock():
        _tell(run, command)
        if policy.public():
            _spawn_or_queue([run])
        else:
            _spawn(run, STARTING)


def _tell(run: Run, what: str) -> None:
    files.write_text(run.path / "control", what, f"The word to {what.split()[0]} this run")


def _spawn(run: Run, status: str, *options: str) -> None:
    """A worker that outlives this process. Its process is noted here at once, so that a worker which dies before its
    first word is seen as dead."""
    detached: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        detached = {"creationflags": subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP}
    if not (run.path / "reserve").is_file():
        files.write_bytes(run.path / "reserve", os.urandom(RESERVE), "What training needs first")
    with files.in_words("The log of this run", run.path):
        log = open(run.path / "log.txt", "ab")  # noqa: SIM115  (only its opening is a matter of the disk)
    try:
        child = subprocess.Popen(
            [sys.executable, "-m", "core", "train", *options, str(run.path)],
            cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log, close_fds=True, **detached,
        )  # fmt: skip
    except OSError as error:
        raise UserError(f"No process can be started for {run.name} ({error.strerror}); try again later.") from error
    finally:
        log.close()
    if os.name == "posix":
        os.setpriority(os.PRIO_PROCESS, child.pid, NICENESS)
    with contextlib.suppress(OSError):  # Linux shares the processor among sessions first, and this one has its own
        Path(f"/proc/{child.pid}/autogroup").write_text(str(NICENESS))
    _children.append(child)
    try:
        write_state(run, **{**run.state, "status": status, "message": "", **process(child.pid)})
    except UserError:
        child.kill()  # nobody would know of it
        raise


# ---------------------------------------------------------------- for the worker


@contextlib.contextmanager
def claimed(run: Run) -> Iterator[None]:
    """By the one process that works on this run, and only one can."""
    with contextlib.ExitStack() as held:
        try:
            with files.in_words("The lock of this run", run.path):
                held.enter_context(run.lock.acquire(timeout=CLAIM_SECONDS))
        except Timeout:
            raise UserError(f"{run.name} is being trained by another process; wait for it or pause it there.") from None
        yield


# ---------------------------------------------------------------- files


@contextlib.contextmanager
def _lock() -> Iterator[None]:
    """One for everybody."""
    folder = files.make_folder(home() / "runs")
    with contextlib.ExitStack() as held:
        try:
            with files.in_words("The lock of all runs", folder):
                held.enter_context(FileLock(folder / ".lock", timeout=LOCK_SECONDS))
        except Timeout:
            raise UserError("Other runs are being started just now; try again in a minute.") from None
        yield
