"""The sets that are drawn on the spot, a line each. Plain: no torch. A picture depends on its set and number only."""

from __future__ import annotations

import functools
import multiprocessing
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from PIL import Image

from core.gan.data import dicebear, digits


@dataclass(frozen=True)
class DrawnSet:
    """What the page calls it, how its pictures came about, and who draws one: (number, size, transparent) -> a picture,
    RGB or grey, or RGBA where `transparent` is asked for and the set knows what is background. `classes` take turns."""

    label: str
    by: str
    licence: str
    draw: Callable[[int, int, bool], Image.Image]
    classes: tuple[str, ...] = ("",)


SETS = {
    **{
        name: DrawnSet(style.label, "drawn with DiceBear", dicebear.LICENCE, functools.partial(dicebear.draw, name))
        for name, style in dicebear.STYLES.items()
    },
    "digits": DrawnSet("Digits", "drawn by Ganvas", digits.LICENCE, digits.draw, tuple("0123456789")),
}


def draw(name: str, number: int, size: int, transparent: bool = False) -> Image.Image:
    """Picture `number` of a set, size x size."""
    return SETS[name].draw(number, size, transparent)


def pictures(name: str, count: int, size: int, transparent: bool = False) -> Iterator[Image.Image]:
    """The first `count` pictures of a set, in order. Drawing is spread over processes, since one picture takes a few
    milliseconds."""
    one = functools.partial(_pixels, name, size=size, transparent=transparent)
    # Spawned, not forked: the process drawing may already run torch's threads.
    workers = max(1, min(os.cpu_count() or 1, 8, count // 100))
    if workers == 1:
        yield from (draw(name, number, size, transparent) for number in range(count))
        return
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        for mode, pixels in pool.imap(one, range(count), chunksize=32):
            yield Image.frombytes(mode, (size, size), pixels)


def _pixels(name: str, number: int, size: int, transparent: bool) -> tuple[str, bytes]:
    picture = draw(name, number, size, transparent)
    return picture.mode, picture.tobytes()
