"""Pictures of more than eight bits, as eight bits from dark to light, also where they use few of their sixteen."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO, cast

from PIL import Image, ImageFile

from core.pictures import mend

# What sensors and converters count up to. A file of 16 bits whose brightest value is below one of these has that many
# levels: shown as 16 bits, it would be nearly black.
TOPS = (255, 1023, 4095, 16383, 65535)
DEEP = r"RGB[Aax]?X?;16[BLN]|LA;16B"  # what PIL calls colours in 16 bits
FLAT = 8  # levels between the darkest and the brightest that a picture of one colour has at most, from JPEG


def grey8(picture: Image.Image) -> Image.Image:
    """16-bit, 32-bit and float greys as 8 bits: scaled, where PIL's own `convert` clips.

    The brightest value tells how many levels there are. Wider types than 16 bits don't say their range either: 0..1
    and those of `TOPS` are taken for what they look like, anything else is stretched from its darkest to its brightest
    value.
    """
    import numpy as np

    if picture.mode.startswith("I;16"):
        return Image.fromarray(_eight_bits(np.asarray(picture)))
    values = np.nan_to_num(np.asarray(picture, dtype=np.float32), posinf=0.0, neginf=0.0)
    low, high = float(values.min()), float(values.max())
    if low >= 0 and high <= TOPS[-1]:
        low, high = 0.0, float(next(top for top in (1, *TOPS) if high <= top))
    return Image.fromarray(np.rint((values - low) * (255.0 / max(high - low, 1e-12))).astype(np.uint8))


def without(grey: Image.Image, deep: Image.Image, clear: int) -> Image.Image:
    """`grey` in RGBA, see-through where `deep`, of which it was made, has the value `clear`."""
    import numpy as np

    seen = grey.convert("RGBA")
    seen.putalpha(Image.fromarray(np.where(np.asarray(deep) == clear, 0, 255).astype(np.uint8)))
    return seen


def _eight_bits(values: Any) -> Any:
    """uint16 -> uint8, by a table: a float for each pixel would take four times the memory."""
    import numpy as np

    top = next(top for top in TOPS if int(values.max()) <= top)
    return np.rint(np.minimum(np.arange(65536) / top, 1) * 255).astype(np.uint8)[values]


def extrema(picture: Image.Image) -> list[tuple[int, int]]:
    """The smallest and the largest value of each band."""
    return [cast("tuple[int, int]", band.getextrema()) for band in picture.split()]


def flat(picture: Image.Image) -> bool:
    """Whether it is of one colour, as far as can be seen."""
    return all(high - low <= FLAT for low, high in extrema(picture))


def all_bits(picture: ImageFile.ImageFile, tiles: Sequence[Any], file: BinaryIO) -> ImageFile.ImageFile:
    """Of colours in 16 bits PIL keeps the upper eight. Where those say little, the lower ones are read as well."""
    raw = [tile.args if isinstance(tile.args, str) else tile.args[0] for tile in tiles if tile.args]
    deep = bool(raw) and all(isinstance(mode, str) and re.fullmatch(DEEP, mode) for mode in raw)
    if not deep or max(high for _, high in extrema(picture)[:3]) > TOPS[-2] // 256:
        return picture
    import numpy as np

    file.seek(0)
    colours = 1 if raw[0].startswith("LA") else 3
    if colours == 1:
        halves = type(picture)(mend.png_halves(file))
        halves.load()
        bands = np.asarray(halves).astype(np.uint16)
        values = bands[..., ::2] * 256 + bands[..., 1::2]
    else:
        lower = type(picture)(file)
        swapped = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}
        lower.tile = [tile._replace(args=_swapped(tile.args, swapped)) for tile in lower.tile]
        lower.load()
        values = np.asarray(picture).astype(np.uint16) * 256 + np.asarray(lower)
    shown = _eight_bits(values[..., :colours])
    if values.shape[2] > colours:
        shown = np.dstack([shown, _eight_bits(values[..., colours])])
    picture.im = Image.fromarray(shown).convert(picture.mode).im
    return picture


def _swapped(args: Any, swapped: Mapping[str, str]) -> Any:
    """A decoder's arguments, with the other of the two bytes to be kept."""
    mode = args if isinstance(args, str) else args[0]
    mode = mode[:-1] + swapped[mode[-1]]
    return mode if isinstance(args, str) else (mode, *args[1:])
