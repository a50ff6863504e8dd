"""The pictures that visitors keep of what generators make. Each is its visitor's, who finds it again on any page of
theirs, with the request it was made by.

They are in memory, within a budget of bytes (`core.visitors.policy`). Nothing of one's own goes for something new: who
has no room is told so. Where all together have too much, it is the address that keeps most that loses. Plain: no UI.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from core import amounts
from core.errors import UserError
from core.gan.request import MAX_POINTS, SampleRequest
from core.settings import Result
from core.visitors import identity, policy


@dataclass(eq=False)
class _Shelf:
    visitor: identity.Visitor
    pictures: dict[SampleRequest, Result] = field(default_factory=dict)
    used: float = field(default_factory=time.time)

    @property
    def bytes(self) -> int:
        return sum(_bytes(result) for result in self.pictures.values())


_shelves: dict[str, _Shelf] = {}  # by the visitor's name
_lock = threading.Lock()


def kept() -> Mapping[SampleRequest, Result]:
    """What whoever is asking has kept, the oldest first."""
    with _lock:
        shelf = _shelves.get(identity.who().name)
        return dict(shelf.pictures) if shelf else {}


def keep(request: SampleRequest, result: Result) -> None:
    """Keep a picture, known by the request of one point that makes it."""
    who, limits, size = identity.who(), policy.limits(), _bytes(result)
    with _lock:
        shelf = _shelves.get(who.name) or _Shelf(who)
        if request in shelf.pictures:
            return
        if len(shelf.pictures) >= MAX_POINTS or shelf.bytes + size > limits.kept:
            most = amounts.megabytes(limits.kept)
            raise UserError(f"Up to {MAX_POINTS} pictures in {most} are kept; press Do not keep on one of them first.")
        shelf.pictures[request], shelf.used = result, time.time()
        _shelves[who.name] = shelf
        _make_room(limits.kept_all)


def put_away(request: SampleRequest) -> None:
    """Do not keep that one any more."""
    with _lock:
        if shelf := _shelves.get(identity.who().name):
            shelf.pictures.pop(request, None)


def forget(before: float) -> None:
    """Put away what belongs to visitors who kept nothing new since that time."""
    with _lock:
        for name in [name for name, shelf in _shelves.items() if shelf.used < before]:
            del _shelves[name]


def _make_room(most: int) -> None:
    """While all together have more, of whichever address has most the shelf goes that was not used for longest."""
    sizes = {name: shelf.bytes for name, shelf in _shelves.items()}
    while sum(sizes.values()) > most:
        address: Counter[str] = Counter()
        for name, size in sizes.items():
            address[_shelves[name].visitor.address] += size
        (largest, _), *_ = address.most_common(1)
        theirs = [name for name in sizes if _shelves[name].visitor.address == largest]
        oldest = min(theirs, key=lambda name: _shelves[name].used)
        del _shelves[oldest], sizes[oldest]


def _bytes(result: Result) -> int:
    return sum(picture.width * picture.height * len(picture.getbands()) for picture in result.images)
