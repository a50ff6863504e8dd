"""The paintings and painted clips that can still be looked at, worked on and downloaded. Each belongs to its visitor,
who finds it again from any page of theirs, running or finished, with what went in.

They are kept in memory within a budget of bytes (`core.visitors.policy`). One is kept only when its job was accepted,
so that asking in vain costs nobody anything. Where room is needed, finished ones go: one's own first, then the oldest
of whichever address keeps most; what is waiting or being painted stays, as the queue bounds it. Where strangers come,
it ends some time after the last page of its visitor has gone: nobody paints for nobody. Of what went in, the photo is
kept, at the size of the painting, and what was asked; the style pictures go with the job. A painted clip is a file in a
folder of its own, and counts as many bytes. Plain: no UI, and nothing of how to paint.
"""

from __future__ import annotations

import collections
import functools
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from PIL import Image

from core.jobs import Job
from core.pictures.images import fit_size
from core.visitors import policy

LEAST_BYTES = 1_000_000  # what one counts at least: there is a folder too
MOST = 24  # finished ones of a visitor
MOST_TABS = 20  # pages that are remembered to show a painting


@dataclass(eq=False)
class Work:
    """A job and what belongs to it. `tab` is the page that asked, `sent` the picture that was sent to that page;
    `number` counts the visitor's own of this kind."""

    job: Job
    tab: str = ""
    asked: Mapping[str, Any] = field(default_factory=dict)
    sent: str = ""
    number: int = 0
    made: float = field(default_factory=time.time)

    def __post_init__(self) -> None:
        self.tabs = [self.tab]  # the pages that show it

    @functools.cached_property
    def folder(self) -> tempfile.TemporaryDirectory:
        return tempfile.TemporaryDirectory(prefix="ganvas-")

    def file(self, name: str) -> str:
        """Where a file that goes to the visitor can be written."""
        return str(Path(self.folder.name) / name)

    @property
    def bytes(self) -> int:
        result = self.job.result.images if self.job.result else ()
        return sum(map(_size, [*result, *self.job.frames, *([self.job.preview] if self.job.preview else [])]))

    def end(self) -> None:
        self.job.cancel()
        if "folder" in vars(self):
            self.folder.cleanup()


@dataclass(eq=False, kw_only=True)
class Painting(Work):
    """`photo` is what is painted, no larger than the painting."""

    photo: Image.Image

    def __post_init__(self) -> None:
        super().__post_init__()
        self.lock = threading.Lock()  # for whoever writes its files
        self.written: Any = None  # what is in them

    @property
    def bytes(self) -> int:
        return super().bytes + _size(self.photo)


@dataclass(eq=False, kw_only=True)
class Clip(Work):
    """`painted` is the file that is painted into, in a folder that is there before the job."""

    painted: Path

    @property
    def bytes(self) -> int:
        return super().bytes + (self.painted.stat().st_size if self.painted.exists() else 0)


W = TypeVar("W", bound=Work)


def _size(picture: Image.Image) -> int:
    return picture.width * picture.height * len(picture.getbands())


def reduced(photo: Image.Image, longer: int) -> Image.Image:
    """`photo` at the size of a painting of it, where it is larger."""
    size = fit_size(*photo.size, longer)
    return photo.resize(size, Image.Resampling.LANCZOS) if photo.width > size[0] else photo


_kept: list[Work] = []  # the oldest first
_gone: dict[str, threading.Timer] = {}  # visitors who have no page any more, and something unfinished
_lock = threading.Lock()


def keep(work: Work) -> None:
    """Keep what was accepted as a job. What of its kind its page has going ends, unless another page shows it."""
    who = work.job.asker
    with _lock:
        alike = _theirs(who.name, type(work))
        work.number = 1 + max((other.number for other in alike), default=0)
        going = []
        for other in alike:
            if work.tab in other.tabs:
                other.tabs.remove(work.tab)
                if not other.tabs and not other.job.finished:
                    going.append(other)
        _kept[:] = [*(other for other in _kept if other not in going), work]
        going += _too_many(who.address)
        _kept[:] = [other for other in _kept if other not in going]
    for other in going:
        other.end()


def of(visitor: str, tab: str, kind: type[W]) -> W | None:
    """What of this kind a visitor's page shows."""
    with _lock:
        return next((one for one in _theirs(visitor, kind) if tab in one.tabs), None)


def theirs(visitor: str, kind: type[W]) -> list[W]:
    """All of this kind that is a visitor's, the newest first."""
    with _lock:
        return _theirs(visitor, kind)[::-1]


def _theirs(visitor: str, kind: type[W]) -> list[W]:
    return [one for one in _kept if isinstance(one, kind) and one.job.asker.name == visitor]


def show(work: Work, tab: str) -> None:
    """A page of its visitor shows it from now on."""
    with _lock:
        for other in _theirs(work.job.asker.name, type(work)):
            if tab in other.tabs:
                other.tabs.remove(tab)
        work.tabs = [*work.tabs, tab][-MOST_TABS:]
        if timer := _gone.pop(work.job.asker.name, None):
            timer.cancel()


def leave(visitor: str, tab: str, kind: type[Work] = Work) -> None:
    """A page was closed, or does not listen any more to what it shows of this kind."""
    with _lock:
        theirs, seconds = _theirs(visitor, Work), policy.limits().unwatched
        for one in theirs:
            if isinstance(one, kind) and tab in one.tabs:
                one.tabs.remove(tab)
        if seconds is None or any(one.tabs for one in theirs) or all(one.job.finished for one in theirs):
            return
        if timer := _gone.pop(visitor, None):
            timer.cancel()
        _gone[visitor] = timer = threading.Timer(seconds, _end_unwatched, [visitor])
        timer.daemon = True
        timer.start()


def _end_unwatched(visitor: str) -> None:
    with _lock:
        _gone.pop(visitor, None)
        theirs = _theirs(visitor, Work)
        unwatched = [] if any(one.tabs for one in theirs) else [one for one in theirs if not one.job.finished]
    for one in unwatched:
        one.job.cancel()


def throw_away(work: Work) -> None:
    with _lock:
        _kept[:] = [other for other in _kept if other is not work]
    work.end()


def close() -> None:
    """Throw all away: the program ends."""
    for work in _kept.copy():
        throw_away(work)


def forget(before: float) -> None:
    """Throw away what was finished and asked for before that time."""
    for work in [one for one in list(_kept) if one.job.finished and one.made < before]:
        throw_away(work)


def _too_many(newest: str) -> list[Work]:
    """The finished ones for which there is no room; of addresses that keep as much, those of the `newest`."""
    limits, sizes = policy.limits(), {work: max(LEAST_BYTES, work.bytes) for work in _kept}
    account: collections.Counter[str] = collections.Counter()
    address: collections.Counter[str] = collections.Counter()
    for work, size in sizes.items():
        account[work.job.asker.account] += size
        address[work.job.asker.address] += size
    finished, going = [work for work in _kept if work.job.finished], []

    def drop(work: Work) -> None:
        finished.remove(work)
        going.append(work)
        account[work.job.asker.account] -= sizes[work]
        address[work.job.asker.address] -= sizes[work]

    own = collections.Counter(work.job.asker.name for work in finished)
    for work in list(finished):
        if account[work.job.asker.account] > limits.paintings or own[work.job.asker.name] > MOST:
            own[work.job.asker.name] -= 1
            drop(work)
    while finished and address.total() > limits.paintings_all:
        drop(max(finished, key=lambda one: (address[one.job.asker.address], one.job.asker.address == newest)))
    return going
