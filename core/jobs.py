"""Short work, one at a time: paintings, samples, measurements of this machine.

Two lines serve both UIs, each with one worker thread: paintings and measurements, one at a time, as two at once would
only be slower; and quick requests (samples, first looks), which take less than a second and for which a page waits:
behind paintings they would come minutes later. Where strangers come, they leave a painting at work its share of the
time. Visitors take turns: who has two jobs in a line gets the second one after everybody's first. A job is submitted as
a request and plain pictures; its progress, result or error is read from the job. Engines are imported by the worker,
when their first job comes. Knows no UI and nothing of how an engine works. Training runs are `core.runs`' business.
"""

from __future__ import annotations

import collections
import contextvars
import functools
import itertools
import os
import sys
import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from PIL import Image

from core import device, faults
from core.errors import UserError
from core.gan.request import SampleRequest
from core.settings import Progress, Request, Result
from core.style import dispatch
from core.style.request import ClipRequest, MeasureRequest
from core.visitors import identity, policy

FRAMES = 60  # kept for the time-lapse: when there are twice as many, every other one goes
FRAME_SIDE = 480  # px
CURVE = 400  # points kept of the loss curves, thinned likewise
LINGER = 1.0  # seconds without a job after which a line's thread ends
NICENESS = 5  # of the thread that paints, below that of the pages: they answer at once, and a painting takes minutes

WAITING, RUNNING, DONE, FAILED = "waiting", "running", "done", "failed"


@dataclass(eq=False)
class Job:
    """One piece of work and all that can be known of it. Read by UIs, written by the worker."""

    request: Request
    pictures: tuple[Any, ...]
    number: int
    asker: identity.Visitor = identity.OWNER  # on whose behalf
    state: str = WAITING
    latest: Progress | None = None
    preview: Image.Image | None = None
    result: Result | None = None
    error: Exception | None = None
    curve: list[tuple[int, dict[str, float]]] = field(default_factory=list)
    sizes: list[tuple[int, tuple[int, int]]] = field(default_factory=list)  # of the picture at work, from which step on
    frames: list[Image.Image] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._changed = threading.Condition()
        self._cancelled = threading.Event()
        self._context = contextvars.copy_context()  # of whoever asks for it: on ZeroGPU it says whose GPU time is used
        self.version = 0  # grows with every news

    @property
    def finished(self) -> bool:
        return self.state in (DONE, FAILED)

    @property
    def cancelled(self) -> bool:
        return self._cancelled.is_set()

    @property
    def position(self) -> int:
        """How many jobs are before this one: 0 when it is running or over."""
        return _line(self.request).position(self)

    def cancel(self) -> None:
        """Stop soon. A running painting ends with the picture so far; a waiting job fails with `UserError`."""
        self._cancelled.set()
        _line(self.request).forget(self)

    def updates(self, at_least_every: float = 1.0) -> Iterator[Job]:
        """Yields this job whenever it has news, or after so many seconds; last when it is finished."""
        seen = -1
        while not self.finished:
            with self._changed:
                self._changed.wait_for(functools.partial(self._newer_than, seen), timeout=at_least_every)
                seen = self.version
            yield self
        yield self

    def _newer_than(self, seen: int) -> bool:
        return self.version != seen

    def wait(self) -> Result:
        """The result, once there is one; raises what the engine raised."""
        for _ in self.updates(at_least_every=60):
            pass
        if self.error is not None:
            raise self.error
        return cast(Result, self.result)

    def _news(self, **changes: Any) -> None:
        with self._changed:
            for name, value in changes.items():
                setattr(self, name, value)
            self.version += 1
            self._changed.notify_all()

    def _take(self, event: Progress | Result) -> None:
        if isinstance(event, Result):
            self._keep_frame(event.images[0] if event.images else None)
            self._news(result=event)
            return
        if event.size and (not self.sizes or self.sizes[-1][1] != event.size):
            self.sizes.append((event.step, event.size))
        if event.losses:
            self.curve = _thinned([*self.curve, (event.step, dict(event.losses))], CURVE)
        self._keep_frame(event.preview)
        self._news(latest=event, preview=event.preview or self.preview)

    def _keep_frame(self, picture: Image.Image | None) -> None:
        if picture is not None and not isinstance(self.request, ClipRequest):  # which is a film already
            frame = picture.copy()
            frame.thumbnail((FRAME_SIDE, FRAME_SIDE))
            self.frames = _thinned([*self.frames, frame], FRAMES)


def submit(request: Request, *pictures: Any) -> Job:
    """Queue `request`. `pictures` are what its engine takes: for a style, the photo and a list of style pictures; for a
    clip its path, that list, and where the painted one goes.

    Raises `UserError` when it asks for more than is allowed here, and when too many jobs wait already.
    """
    policy.require_allowed(request)
    return _line(request).add(Job(request, pictures, next(_numbers), identity.who()))


def require_room(request: Request) -> None:
    """Raises `UserError` when `request` would not be taken now; before its pictures are opened, which costs much."""
    policy.require_allowed(request)
    _line(request).require_room(identity.who())


def close(seconds: float) -> None:
    """Stop all jobs and take no more; waits so long for the one at work to end."""
    until = time.monotonic() + seconds
    ending = [*_quick.close(), *_paintings.close()]
    for job in ending:
        job.cancel()
    while not all(job.finished for job in ending) and time.monotonic() < until:
        time.sleep(0.05)


def idle() -> bool:
    """Whether a painting submitted now would begin at once."""
    return _paintings.idle()


def same(request: Request) -> Job | None:
    """The job in line or at work that answers this very request, if one does."""
    return _line(request).same(request)


def _engine(job: Job) -> Iterator[Progress | Result]:
    """The one place that knows which engine answers which request."""
    match job.request:
        case MeasureRequest():
            from core.style.optimise.measure import measure

            return measure(job.request)
        case SampleRequest():
            from core.gan.sample import sample

            return sample(job.request, stopped=lambda: job.cancelled)
        case ClipRequest():
            from core.style.instant.clip import paint

            source, styles, target = job.pictures
            return paint(job.request, source, styles, target, stopped=lambda: job.cancelled)
    photo, styles = job.pictures
    return dispatch.paint(job.request, photo, styles, stopped=lambda: job.cancelled)


class _Queue:
    """A waiting line and its worker thread, which starts with the first job and ends soon after the last.

    With a thread its helpers end. OpenMP counts those of all threads, at rest or not, and where there are more of them
    than processors they go to sleep whenever they wait for each other: a first look that is over would cost the
    painting after it a third of its speed.
    """

    def __init__(self, niceness: int = 0) -> None:
        self._niceness = niceness
        self._lock = threading.Lock()
        self._arrived = threading.Condition(self._lock)
        self._waiting: list[Job] = []  # in the order they are done
        self._running: Job | None = None
        self._worker: threading.Thread | None = None
        self._closed = False

    def add(self, job: Job) -> Job:
        with self._lock:
            self._require_room(job.asker)
            if self._worker is None or not self._worker.is_alive():
                self._worker = threading.Thread(target=self._work, name="ganvas-jobs", daemon=True)
                self._worker.start()
            self._waiting = _in_turn([*self._waiting, job], self._running)
            self._arrived.notify()
        return job

    def require_room(self, asker: identity.Visitor) -> None:
        with self._lock:
            self._require_room(asker)

    def _require_room(self, asker: identity.Visitor) -> None:
        limits, there = policy.limits(), [job.asker for job in self._waiting]
        if self._closed:
            raise UserError("Ganvas is being stopped; try again when it is back.")
        if len(there) >= limits.jobs_all:
            raise UserError(f"{limits.jobs_all} jobs are waiting already; please try again in a few minutes.")
        if self._running:
            there.append(self._running.asker)
        theirs = sum(other.account == asker.account for other in there)
        if not policy.within(theirs + 1, limits.jobs):
            raise UserError(f"{theirs} jobs of yours are waiting or at work; wait for one of them, or stop it.")
        nearby = sum(other.address == asker.address != "" for other in there)
        if not policy.within(nearby + 1, limits.jobs_address):
            raise UserError(f"{nearby} jobs from your network are waiting or at work; try again in a few minutes.")

    def idle(self) -> bool:
        with self._lock:
            return self._running is None and not self._waiting

    def same(self, request: Request) -> Job | None:
        with self._lock:
            return next((job for job in self._unfinished() if job.request == request), None)

    def position(self, job: Job) -> int:
        with self._lock:
            if job not in self._waiting:
                return 0
            return self._waiting.index(job) + (self._running is not None)

    def forget(self, job: Job) -> None:
        with self._lock:
            if job not in self._waiting:
                return
            self._waiting.remove(job)
        job.pictures = ()
        job._news(state=FAILED, error=UserError("Stopped before it began."))
        self._tell_waiting()

    def close(self) -> list[Job]:
        """Take no more; -> the jobs that are not finished yet."""
        with self._lock:
            self._closed = True
            return self._unfinished()

    def _unfinished(self) -> list[Job]:
        return [*self._waiting, *([self._running] if self._running else [])]

    def _work(self) -> None:
        if self._niceness and sys.platform == "linux":  # where a thread, and those it starts, can have their own
            with faults.logged():  # some sandboxes forbid it
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), self._niceness)
        while True:
            with self._lock:
                if not self._waiting:
                    self._running = None
                    if not self._arrived.wait_for(lambda: self._waiting, LINGER):
                        self._worker = None
                        return
                job = self._running = self._waiting.pop(0)
                self._waiting = _in_turn(self._waiting, job)
            with faults.logged():
                self._tell_waiting()
                began = time.monotonic()
                _run(job)
                _leave_time(job, time.monotonic() - began)

    def _tell_waiting(self) -> None:
        with self._lock:
            waiting = list(self._waiting)
        for job in waiting:
            job._news()


def _in_turn(waiting: Sequence[Job], running: Job | None) -> list[Job]:
    """Everybody's first job, then everybody's second: addresses take turns, and visitors within an address. Among
    equals the one that came first goes first."""
    ahead = collections.Counter([(running.asker.address, running.asker.account)] if running else ())
    there = collections.Counter([running.asker.address] if running else ())
    turns: list[tuple[int, Job]] = []
    for job in sorted(waiting, key=lambda job: job.number):
        who = (job.asker.address, job.asker.account)
        turns.append((ahead[who], job))
        ahead[who] += 1
    ordered: list[tuple[int, int, Job]] = []
    for turn, job in sorted(turns, key=lambda one: (one[0], one[1].number)):
        ordered.append((there[job.asker.address], turn, job))
        there[job.asker.address] += 1
    return [job for *_, job in sorted(ordered, key=lambda one: (one[0], one[2].number))]


def _run(job: Job) -> None:
    job._news(state=RUNNING)
    try:
        job._context.run(_follow, job)
    # A defect, or a library's exit, must not end the worker: the others in the queue still want their turn.
    except BaseException as error:
        if not isinstance(error, UserError):
            traceback.print_exc()
        # The traceback holds the engine's frames, and they hold the painting's memory for as long as the job is kept.
        traceback.clear_frames(error.__traceback__)
        job._news(state=FAILED, error=error.with_traceback(None))
    else:
        job._news(state=DONE)
    finally:
        job._context, job.pictures = contextvars.Context(), ()  # those it had may hold much, and jobs are kept
        if _line(job.request) is _paintings:  # which held it; a quick job must not take it from a painting at work
            device.release_memory()


def _leave_time(job: Job, seconds: float) -> None:
    """After a quick job that took so many seconds: however many ask for one, whoever paints meanwhile goes on."""
    rest = seconds / policy.limits().quick_share - seconds
    if rest > 0 and _line(job.request) is _quick and not _paintings.idle():
        time.sleep(rest)


def _follow(job: Job) -> None:
    with identity.asking(job.asker):
        for event in _engine(job):
            job._take(event)


def _thinned(items: Sequence[Any], most: int) -> list[Any]:
    """Every other item once there are twice as many as wanted; the newest stays."""
    items = list(items)
    return items if len(items) < 2 * most else items[1::2]


def _line(request: Request) -> _Queue:
    return _quick if request.quick else _paintings


_quick, _paintings = _Queue(), _Queue(NICENESS)
_numbers = itertools.count(1)
