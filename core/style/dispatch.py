"""Which engine paints which request. Plain: no torch, no UI.

An engine is a module with the three functions of `Engine`. A new one is its file or folder, and its line in `ENGINES`,
where the queue finds it by the request. What it shares with others (`pixels`, `networks`) stands beside them.
"""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, cast

from PIL import Image

from core.settings import Progress, Request, Result
from core.style import inputs

# Kind of request -> its engine, by name, so that an engine is imported when it is first asked for. A process whose
# paintings are made elsewhere puts an engine of its own here before it starts (zerogpu.py).
ENGINES: dict[str, str] = {
    "style": "core.style.optimise.engine",
    "instant": "core.style.instant.engine",
}

SHARE = 0.8  # of the free memory may be taken: other things run here too


@dataclass(frozen=True)
class Estimate:
    """What a painting will take, told before it starts."""

    seconds: float
    memory: int  # bytes at the peak
    free: int  # bytes this process may still take
    note: str = ""  # what else is worth knowing, in words
    seconds_at_most: float | None = None  # where that is not known well

    @property
    def fits(self) -> bool:
        return self.memory <= SHARE * self.free


@dataclass(frozen=True)
class Beforehand:
    """What is told in place of figures that an engine does not have: in words, and the job that would find them."""

    words: str
    job: Request | None = None


class Engine(Protocol):
    """What every engine's module offers. `request` is of the kind it stands for in `ENGINES`."""

    def ready(self, request: Request) -> Beforehand | None:
        """None when `estimate` can answer. Never goes online, and imports no torch, as it is asked with every page."""

    def estimate(self, request: Request, photo_size: tuple[int, int]) -> Estimate:
        """For painting a photo of this size (width, height), once `ready`; a `UserError` where it does not fit here."""

    def paint(
        self,
        request: Request,
        photo: Image.Image,
        styles: Sequence[Image.Image],
        stopped: Callable[[], bool] = lambda: False,
    ) -> Iterator[Progress | Result]:
        """Paint `photo` in the style of `styles`; yields `Progress` now and then, at last a `Result`.

        The result holds the finished painting and, second, the painting before `request.strength` and
        `request.keep_colour` were applied. When `stopped()` turns true it ends soon, with the picture so far if there
        is one. Raises `UserError`.
        """


def engine_of(request: Request) -> Engine:
    """The engine that paints `request`; a `TypeError` where none does."""
    if request.kind not in ENGINES:
        raise TypeError(f"no engine paints a request of kind {request.kind!r}")
    return cast(Engine, importlib.import_module(ENGINES[request.kind]))


def paint(
    request: Request,
    photo: Image.Image,
    styles: Sequence[Image.Image],
    stopped: Callable[[], bool] = lambda: False,
) -> Iterator[Progress | Result]:
    """As the engine of `request` paints; with its result is told what there is to know of the pictures."""
    engine, seen = engine_of(request), [inputs.of_style(style) for style in styles]
    for event in engine.paint(request, inputs.to_paint(photo), seen, stopped=stopped):
        if isinstance(event, Result):
            notes = inputs.noted(photo, seen, event.images[0].size)
            event = dataclasses.replace(event, note=" ".join(note for note in (*notes, event.note) if note))
        yield event
