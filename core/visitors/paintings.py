"""The paintings that can still be looked at, worked on and downloaded. Each belongs to its visitor, and to the page
that asked for it.

They are kept in memory within a budget of bytes (`core.visitors.policy`). One is kept only when its job was accepted,
so that asking in vain costs nobody anything. Where room is needed, finished ones go: one's own first, then the oldest
of whichever address keeps most; what is waiting or being painted stays, as the queue bounds it. Of what went in, the
photo is kept, at the size of the painting; the style pictures go with the job. Plain: no UI, and nothing of how to
paint.
"""

from __future__ import annotations

import collections
import functools
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from core.jobs import Job
from core.pictures.images import fit_size
from core.visitors import policy

LEAST_BYTES = 1_000_000  # what one counts at least: there is a folder too


@dataclass(eq=False)
class Painting:
    """A job and what belongs to it. `photo` is what is painted, no larger than the painting."""

    job: Job
    photo: Image.Image
    tab: str = ""

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
_lock = threading.Lock()


def keep(painting: Painting) -> None:
    """Keep a painting whose job was accepted, in place of the one its page had before."""
    who = painting.job.asker
    with _lock:
        going = [other for other in _kept if other.tab == painting.tab and other.job.asker.name == who.name]
        _kept[:] = [*(other for other in _kept if other not in going), painting]
        going += _too_many(who.address)
        _kept[:] = [other for other in _kept if other not in going]
    for other in going:
        other.end()


def of(visitor: str, tab: str) -> Painting | None:
    """What a visitor's page has going, or had last."""
    with _lock:
        return next((one for one in _kept if one.tab == tab and one.job.asker.name == visitor), None)


def leave(visitor: str, tab: str) -> None:
    """A page was closed."""
    painting = of(visitor, tab)
    if painting:
        with _lock:
            _kept.remove(painting)
        painting.end()


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

    for painting in list(finished):
        if account[painting.job.asker.account] > limits.paintings:
            drop(painting)
    while finished and address.total() > limits.paintings_all:
        drop(max(finished, key=lambda one: (address[one.job.asker.address], one.job.asker.address == newest)))
    return going
