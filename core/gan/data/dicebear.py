"""Images drawn on the spot: four of DiceBear's avatar styles, all dedicated to the public domain (CC0 1.0).

Plain: no torch. A picture depends on its set and number only. Drawing is spread over processes, since one picture
takes a few milliseconds. The styles' licence is checked against their own metadata before anything is drawn.
"""

from __future__ import annotations

import functools
import io
import json
import multiprocessing
import os
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files

from PIL import Image

LICENCE = "CC0 1.0"


@dataclass(frozen=True)
class DrawnSet:
    """One embedded set: what the page calls it, DiceBear's name of the style, and the options it is drawn with."""

    label: str
    style: str
    options: tuple[tuple[str, tuple[str, ...]], ...] = ()


SETS = {
    "portraits": DrawnSet(
        "Portraits in pixel art",
        "pixel-art",
        (("backgroundColor", ("b6e3f4", "c0aede", "d1d4f9", "ffd5dc", "ffdfbf")),),  # DiceBear's own pastels
    ),
    "critters": DrawnSet("Critters", "critters"),
    "planets": DrawnSet("Planets", "planets"),
    "landscapes": DrawnSet("Landscapes", "landscape"),
}


def draw(name: str, number: int, size: int, transparent: bool = False) -> Image.Image:
    """Picture `number` of a set, size x size: RGB, or RGBA with a transparent background where the style has one."""
    import resvg_py
    from dicebear import Avatar

    chosen = SETS[name]
    options = {} if transparent else {key: list(values) for key, values in chosen.options}
    svg = str(Avatar(_style(chosen.style), {"seed": f"{name}-{number}", **options}))
    png = resvg_py.svg_to_bytes(svg_string=svg, width=size, height=size, skip_system_fonts=True)
    picture = Image.open(io.BytesIO(bytes(png)))
    return picture.convert("RGBA" if transparent else "RGB")


def drawn(name: str, count: int, size: int, transparent: bool = False) -> Iterator[Image.Image]:
    """The first `count` pictures of a set, in order."""
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


@functools.cache
def _style(name: str):  # -> dicebear.Style
    from dicebear import Style

    definition = json.loads((files("dicebear_styles") / f"{name}.json").read_text(encoding="utf-8"))
    licence = definition["meta"]["license"]["name"]
    if licence != LICENCE:
        raise ValueError(f"DiceBear's style {name} is under {licence!r} now, no longer {LICENCE}")
    return Style(definition)
