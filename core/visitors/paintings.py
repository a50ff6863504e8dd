"""The paintings that can still be looked at, worked on and downloaded. Each belongs to its visitor, who finds it again
from any page of theirs, running or finished, with what went in.

They are kept in memory within a budget of bytes (`core.visitors.policy`). One is kept only when its job was accepted,
so that asking in vain costs nobody anything. Where room is needed, finished ones go: one's own first, then the oldest
of whichever address keeps most; what is waiting or being painted stays, as the queue bounds it. Where strangers come,
it ends some time after the last page of its visitor has gone: nobody paints for nobody. Of what went in, the photo is
kept, at the size of the painting, and what was asked; the style pictures go with the job. Plain: no UI, and nothing of
how to paint.
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
from typing import Any

from PIL import Image

from core.jobs import Job
from core.pictures.images import fit_size
from core.visitors import policy

LEAST_BYTES = 1_000_000  # what one counts at least: there is a folder too
MOST = 24  # finished ones of a visitor
MOST_TABS = 20  # pages that are remembered to show a painting


@dataclass(eq=False)
class Painting:
    """A job and what belongs to it. `photo` is what is painted, no larger than the painting; `tab` the page that asked,
    `sent` the picture that was sent to that page; `number` counts the visitor's own."""

    job: Job
    photo: Image.Image
    tab: str = ""
    asked: Mapping[str, Any] = field(default_factory=dict)
    sent: str = ""
    number: int = 0
    made: float = field(default_factory=time.time)

    def __post_init__(self) -> None:
        self.tabs = [self.tab]  # the pages that show it
        self.lock = threading.Lock()  # for whoever writes its files
        self.written: Any = None  # what is in them

    @functools.cached_property
    def _folder(self) -> tempfile.TemporaryDirectory:
        return tempfile.TemporaryDirectory(prefix="ganvas-")

    def file(self, name: str) -> str:
        """Where a file that goes to the visitor can be written."""
        return str(Path(self._folder.name) / name)

    @property
    def bytes(self) -> int:
        result = self.job.result.images if self.job.result else ()
        pictures = [self.photo, *result, *self.job.frames, *([self.job.preview] if self.job.preview else [])]
        return max(LEAST_BYTES, sum(p.width * p.height * len(p.getbands()) for p in pictures))

    def end(self) -> None:
        self.job.cancel()
        if "_folder" in vars(self):
            self._folder.cleanup()


def reduced(photo: Image.Image, longer: int) -> Image.Image:
    """`photo` at the size of a painting of it, where it is larger."""
    size = fit_size(*photo.size, longer)
    return photo.resize(size, Image.Resampling.LANCZOS) if photo.width > size[0] else photo


_kept: list[Painting] = []  # the oldest first
_gone: dict[str, threading.Timer] = {}  # visitors who have no page any more, and something unfinished
_lock = threading.Lock()


def keep(painting: Painting) -> None:
    """Keep a painting whose job was accepted. What its page has going ends, unless another page shows it."""
    who = painting.job.asker
    with _lock:
        painting.number = 1 + max((other.number for other in _theirs(who.name)), default=0)
        going = []
        for other in _theirs(who.name):
            if painting.tab in other.tabs:
                other.tabs.remove(painting.tab)
                if not other.tabs and not other.job.finished:
                    going.append(other)
        _kept[:] = [*(other for other in _kept if other not in going), painting]
        going += _too_many(who.address)
        _kept[:] = [other for other in _kept if other not in going]
    for other in going:
        other.end()


def of(visitor: str, tab: str) -> Painting | None:
    """What a visitor's page shows."""
    with _lock:
        return next((one for one in _theirs(visitor) if tab in one.tabs), None)


def theirs(visitor: str) -> list[Painting]:
    """All that is a visitor's, the newest first."""
    with _lock:
        return _theirs(visitor)[::-1]


def _theirs(visitor: str) -> list[Painting]:
    return [one for one in _kept if one.job.asker.name == visitor]


def show(painting: Painting, tab: str) -> None:
    """A page of its visitor shows it from now on."""
    with _lock:
        for other in _theirs(painting.job.asker.name):
            if tab in other.tabs:
                other.tabs.remove(tab)
        painting.tabs = [*painting.tabs, tab][-MOST_TABS:]
        if timer := _gone.pop(painting.job.asker.name, None):
            timer.cancel()


def leave(visitor: str, tab: str) -> None:
    """A page was closed, or does not listen any more."""
    with _lock:
        theirs, seconds = _theirs(visitor), policy.limits().unwatched
        for one in theirs:
            if tab in one.tabs:
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
        theirs = _theirs(visitor)
        unwatched = [] if any(one.tabs for one in theirs) else [one for one in theirs if not one.job.finished]
    for one in unwatched:
        one.job.cancel()


def throw_away(painting: Painting) -> None:
    with _lock:
        _kept[:] = [other for other in _kept if other is not painting]
    painting.end()


def close() -> None:
    """Throw all away: the program ends."""
    for painting in _kept.copy():
        throw_away(painting)


def forget(before: float) -> None:
    """Throw away what was finished and asked for before that time."""
    for painting in [one for one in list(_kept) if one.job.finished and one.made < before]:
        throw_away(painting)


def _too_many(newest: str) -> list[Painting]:
    """The finished ones for which there is no room; of addresses that keep as much, those of the `newest`."""
    limits, sizes = policy.limits(), {painting: painting.bytes for painting in _kept}
    account: collections.Counter[str] = collections.Counter()
    address: collections.Counter[str] = collections.Counter()
    for painting, size in sizes.items():
        account[painting.job.asker.account] += size
        address[painting.job.asker.address] += size
    finished, going = [painting for painting in _kept if painting.job.finished], []

    def drop(painting: Painting) -> None:
        finished.remove(painting)
        going.append(painting)
        account[painting.job.asker.account] -= sizes[painting]
        address[painting.job.asker.address] -= sizes[painting]

    own = collections.Counter(painting.job.asker.name for painting in finished)
    for painting in list(finished):
        if account[painting.job.asker.account] > limits.paintings or own[painting.job.asker.name] > MOST:
            own[painting.job.asker.name] -= 1
            drop(painting)
    while finished and address.total() > limits.paintings_all:
        drop(max(finished, key=lambda one: (address[one.job.asker.address], one.job.asker.address == newest)))
    return going
