"""Images drawn on the spot: four of DiceBear's avatar styles, all dedicated to the public domain (CC0 1.0).

Plain: no torch. A picture depends on its style and number only. The styles' licence is checked against their own
metadata before anything is drawn.
"""

from __future__ import annotations

import functools
import io
import json
from dataclasses import dataclass
from importlib.resources import files

from PIL import Image

LICENCE = "CC0 1.0"


@dataclass(frozen=True)
class AvatarStyle:
    """One embedded style: what the page calls it, DiceBear's name of the style, and the options it is drawn with."""

    label: str
    style: str
    options: tuple[tuple[str, tuple[str, ...]], ...] = ()


STYLES = {
    "portraits": AvatarStyle(
        "Portraits in pixel art",
        "pixel-art",
        (("backgroundColor", ("b6e3f4", "c0aede", "d1d4f9", "ffd5dc", "ffdfbf")),),  # DiceBear's own pastels
    ),
    "critters": AvatarStyle("Critters", "critters"),
    "planets": AvatarStyle("Planets", "planets"),
    "landscapes": AvatarStyle("Landscapes", "landscape"),
}


def draw(name: str, number: int, size: int, transparent: bool = False) -> Image.Image:
    """Picture `number` of a style, size x size: RGB, or RGBA with a transparent background where the style has one."""
    import resvg_py
    from dicebear import Avatar

    chosen = STYLES[name]
    options = {} if transparent else {key: list(values) for key, values in chosen.options}
    svg = str(Avatar(_style(chosen.style), {"seed": f"{name}-{number}", **options}))
    png = resvg_py.svg_to_bytes(svg_string=svg, width=size, height=size, skip_system_fonts=True)
    picture = Image.open(io.BytesIO(bytes(png)))
    return picture.convert("RGBA" if transparent else "RGB")


@functools.cache
def _style(name: str):  # -> dicebear.Style
    from dicebear import Style

    definition = json.loads((files("dicebear_styles") / f"{name}.json").read_text(encoding="utf-8"))
    licence = definition["meta"]["license"]["name"]
    if licence != LICENCE:
        raise ValueError(f"DiceBear's style {name} is under {licence!r} now, no longer {LICENCE}")
    return Style(definition)
