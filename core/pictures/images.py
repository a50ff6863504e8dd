"""Pictures in, pictures out: opening what visitors bring, saving what we made, arranging it to be looked at.

Plain functions on PIL pictures: no torch, no requests, nothing of how a picture is made. Foreign files are decoded
by `core.pictures.decoders` alone.

In the order of a picture's way: open, size and alpha, recipe, finish, show, name.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import math
import os
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from PIL import Image, ImageFilter, PngImagePlugin

from core import files
from core.errors import UserError
from core.pictures import decoders
from core.pictures.decode import Source

WORKING_PIXELS = 24_000_000  # larger pictures are reduced on opening: six times our largest painting

MAX_RECIPE_BYTES = 64_000
MAX_RECIPE_DEPTH = 8
RECIPE_KEY = "ganvas"  # the keyword of the PNG's iTXt chunk

# ---------------------------------------------------------------- opening


def open_picture(source: Source, *, name: str | None = None, max_pixels: int = WORKING_PIXELS) -> Image.Image:
    """The picture as a person expects to see it: upright, in sRGB, 8 bits, RGB, or RGBA where it is see-through.

    `source` is a path, the file's bytes or a binary file; `name` is what to call it in messages. The content
    decides the format, not the name's ending. Of an animation the first frame is taken. A picture of more than
    `max_pixels` comes out reduced to that many. The result carries no metadata (a phone photo knows where it was
    taken). Raises `UserError` for all that cannot be opened, before decoding where the header says so.
    """
    return decoders.pixels(source, name, max_pixels)


# ---------------------------------------------------------------- size and alpha


def fit_size(width: int, height: int, longer: int, minimum: int = 32) -> tuple[int, int]:
    """The size with `longer` pixels on the longer side and the aspect of width x height, to the nearest pixel.

    A side that would come out shorter than `minimum` gets `minimum` pixels: a panorama more extreme than
    `longer : minimum` (16:1 at 512) is stretched across, because a network that halves the picture four times needs
    something left to look at.
    """
    scale = longer / max(width, height)
    return max(minimum, round(width * scale)), max(minimum, round(height * scale))


def on_white(picture: Image.Image) -> Image.Image:
    """RGB: see-through parts become white, as on paper."""
    if picture.mode != "RGBA":
        return picture.convert("RGB")
    white = Image.new("RGBA", picture.size, "white")
    return Image.alpha_composite(white, picture).convert("RGB")


def with_alpha_of(picture: Image.Image, original: Image.Image) -> Image.Image:
    """`picture` with the transparency of `original` (fitted to its size), where that has any."""
    if original.mode != "RGBA":
        return picture
    alpha = original.getchannel("A").resize(picture.size, Image.Resampling.LANCZOS)
    result = picture.copy()
    result.putalpha(alpha)
    return result


def digest(picture: Image.Image) -> str:
    """sha256 of mode, size and pixels, in hex: which picture a recipe was used on."""
    head = f"{picture.mode} {picture.width}x{picture.height}:".encode()
    return hashlib.sha256(head + picture.tobytes()).hexdigest()


# ---------------------------------------------------------------- recipe


def write_png(picture: Image.Image, target: str | os.PathLike | BinaryIO, recipe: Mapping[str, Any]) -> None:
    """Save as PNG with the recipe inside, as JSON. A path gets the whole file or none of it."""
    text = json.dumps(recipe, ensure_ascii=False, allow_nan=False)
    if len(text.encode()) > MAX_RECIPE_BYTES:
        raise ValueError(f"a recipe of {len(text)} characters could not be read back")
    chunks = PngImagePlugin.PngInfo()
    chunks.add_itxt(RECIPE_KEY, text)
    with _written(target) as file:
        picture.save(file, format="PNG", pnginfo=chunks)


def read_recipe(source: Source, *, name: str | None = None) -> dict[str, Any] | None:
    """The recipe inside a picture, or None for a picture that has none. Decodes no pixels.

    What comes back is a JSON object of bounded size and depth that can be written as JSON again; whether its values
    make sense is for the request to say. Raises `UserError` for a damaged or oversized recipe, and for a file that
    is not a picture.
    """
    text, name = decoders.text(source, name, RECIPE_KEY)
    if text is None:
        return None
    try:
        if len(text) > MAX_RECIPE_BYTES:
            raise ValueError("too long")
        recipe = json.loads(text)
        if not isinstance(recipe, dict) or _depth(recipe) > MAX_RECIPE_DEPTH:
            raise ValueError("not a flat object")
        json.dumps(recipe, ensure_ascii=False, allow_nan=False).encode()  # no infinities, no half characters
    except (ValueError, RecursionError) as error:
        raise UserError(
            f"The recipe inside {name} is damaged; use the PNG as it was downloaded, or set the settings by hand."
        ) from error
    return recipe


def _depth(value: Any) -> int:
    """How deeply lists and objects are nested; level by level, so that no nesting is too deep for it."""
    depth, level = 0, [value]
    while level := [v for v in level if isinstance(v, dict | list)]:
        depth += 1
        level = [inner for v in level for inner in (v.values() if isinstance(v, dict) else v)]
    return depth


@contextlib.contextmanager
def _written(target: str | os.PathLike | BinaryIO) -> Iterator[BinaryIO]:
    """A binary file to write to. A path is written under a temporary name, then renamed."""
    if not isinstance(target, str | os.PathLike):
        yield target
        return
    with files.writing(Path(target)) as file:
        yield file


# ---------------------------------------------------------------- finish


Light = tuple[float, float, float, float]  # mean and contrast of a painting's luma, and of its photo's


def finish(
    painting: Image.Image,
    photo: Image.Image,
    *,
    strength: float = 1.0,
    keep_colour: bool = False,
    light: Light | None = None,
) -> Image.Image:
    """The controls after the fact: how strongly the painting shows (0..1), and in whose colours.

    `strength` blends from the photo (0), fitted to the painting's size, to the painting (1); the painting's
    transparency is kept. `keep_colour` gives the painting's brightness to the photo's colours: Gatys et al. 2016,
    "Preserving Color in Neural Artistic Style Transfer", luminance-only transfer, applied afterwards. `light`: where it
    is not that of these two, as of a frame within its clip.
    """
    if strength == 1 and not keep_colour:
        return painting
    paint, photo = painting.convert("RGB"), on_white(photo)
    if photo.size != paint.size:
        photo = photo.resize(paint.size, Image.Resampling.LANCZOS)
    if keep_colour:
        paint = _recoloured(paint, photo, light or light_of(paint, photo))
    return with_alpha_of(Image.blend(photo, paint, strength), painting)


def light_of(painting: Image.Image, photo: Image.Image) -> Light:
    """How light both are, and how much that varies."""
    import numpy as np

    luma, light = (np.asarray(on_white(picture).convert("L"), np.float32) for picture in (painting, photo))
    return luma.mean(), luma.std(), light.mean(), light.std()


def _recoloured(painting: Image.Image, photo: Image.Image, light: Light) -> Image.Image:
    """The painting's luma under the photo's chroma. Two RGB pictures of one size."""
    import numpy as np

    luma = np.asarray(painting.convert("L"), np.float32)  # ITU-R BT.601, as in YCbCr
    # The paper moves the style's luma to the photo's mean and contrast before painting. Afterwards, half of the way
    # looks best: none leaves yellow olive under a dark painting, all of it washes the painting's own light out.
    mean, contrast, photos_mean, photos_contrast = light
    matched = (luma - mean) * (photos_contrast / max(contrast, 1.0)) + photos_mean
    luma = ((luma + matched) / 2).clip(0, 255)
    # Brush strokes have moved the edges: slightly soft colours hide that the photo's edges are elsewhere.
    soft = photo.filter(ImageFilter.GaussianBlur(max(photo.size) / 400))
    soft_luma = np.asarray(soft.convert("L"), np.float32)
    chroma = [np.asarray(band, np.float32) - soft_luma for band in soft.split()]
    # Where luma + chroma would leave 0..255, clipping would shift hue and brightness: fade the chroma instead.
    most, least = functools.reduce(np.maximum, chroma), functools.reduce(np.minimum, chroma)
    fade = np.minimum((255 - luma) / np.maximum(most, 1e-3), luma / np.maximum(-least, 1e-3)).clip(max=1)
    bands = [Image.fromarray((luma + fade * c + 0.5).clip(0, 255).astype(np.uint8)) for c in chroma]
    return Image.merge("RGB", bands)


# ---------------------------------------------------------------- show


def enlarged(picture: Image.Image, longer: int) -> Image.Image:
    """As large as it is looked at: the pixels of a tiny one become squares, larger ones are smoothed."""
    way = Image.Resampling.NEAREST if max(picture.size) <= 32 else Image.Resampling.LANCZOS
    return picture.resize(fit_size(*picture.size, longer, minimum=1), way)


def grid(
    pictures: Sequence[Image.Image], columns: int | None = None, *, gap: int = 8, background: str = "white"
) -> Image.Image:
    """A contact sheet, row by row: every picture in a cell of the largest width and height, centred."""
    columns = min(columns or math.ceil(math.sqrt(len(pictures))), len(pictures))
    rows = math.ceil(len(pictures) / columns)
    width, height = max(p.width for p in pictures), max(p.height for p in pictures)
    sheet = Image.new("RGB", (columns * (width + gap) - gap, rows * (height + gap) - gap), background)
    for i, picture in enumerate(pictures):
        x = i % columns * (width + gap) + (width - picture.width) // 2
        y = i // columns * (height + gap) + (height - picture.height) // 2
        sheet.paste(picture, (x, y), picture if picture.mode == "RGBA" else None)
    return sheet


def cells(sheet: Image.Image, columns: int, gap: int) -> list[Image.Image]:
    """The pictures of a `grid` of square ones, row by row."""
    side = (sheet.width + gap) // columns - gap
    corners = [(x, y) for y in range(0, sheet.height, side + gap) for x in range(0, sheet.width, side + gap)]
    return [sheet.crop((x, y, x + side, y + side)) for x, y in corners]


def strip(pictures: Sequence[Image.Image], height: int, *, gap: int = 8, background: str = "white") -> Image.Image:
    """Pictures of any shape side by side, all `height` pixels high."""
    fitted = [
        p.resize((max(1, round(p.width * height / p.height)), height), Image.Resampling.LANCZOS) for p in pictures
    ]
    band = Image.new("RGB", (sum(p.width + gap for p in fitted) - gap, height), background)
    x = 0
    for picture in fitted:
        band.paste(picture, (x, 0), picture if picture.mode == "RGBA" else None)
        x += picture.width + gap
    return band


def animation(
    frames: Iterable[Image.Image],
    target: str | os.PathLike | BinaryIO,
    *,
    seconds_per_frame: float = 0.1,
    hold_last: float = 2.0,
    format: str = "webp",
    loop: bool = True,
    longer: int = 640,
) -> None:
    """A time-lapse as animated WebP or GIF, or as MP4; the last frame stays for `hold_last` seconds.

    All frames take the shape of the last one, with at most `longer` pixels on the longer side. Whether an MP4 is played
    again is the player's business.
    """
    frames = [on_white(frame) for frame in frames]
    width, height = frames[-1].size
    size = fit_size(width, height, min(longer, max(width, height)), minimum=1)
    if format == "mp4":
        size = size[0] + size[0] % 2, size[1] + size[1] % 2  # colours are stored for two by two pixels
    frames = [f if f.size == size else f.resize(size, Image.Resampling.LANCZOS) for f in frames]
    if format == "mp4":
        from core.pictures import video

        held = [frames[-1]] * (max(1, round(hold_last / seconds_per_frame)) - 1)
        with _written(target) as file:
            video.write([*frames, *held], seconds_per_frame, file)
        return
    durations = [round(1000 * seconds_per_frame)] * (len(frames) - 1) + [round(1000 * hold_last)]
    if format == "gif":
        # One palette for all, from a sheet of sampled frames: with a palette each, still parts would flicker.
        palette = grid(frames[:: max(1, len(frames) // 16)], gap=0).quantize(255, dither=Image.Dither.NONE)
        frames = [f.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG) for f in frames]
        options = {"loop": 0} if loop else {}
    else:
        options = {"quality": 85, "method": 3, "loop": 0 if loop else 1}
    with _written(target) as file:
        frames[0].save(file, format=format, save_all=True, append_images=frames[1:], duration=durations, **options)


# ---------------------------------------------------------------- name


NAME_BYTES = 120  # of a name made here: file systems take 255, encrypted ones 143, and something is added at times


def cut(text: str, most: int) -> str:
    """As much of the beginning as fits into `most` bytes; letters stay whole."""
    return text.encode(errors="replace")[:most].decode(errors="ignore")


def save_name(text: str, suffix: str = "") -> str:
    """A file name that every system accepts, recognisably made from `text`."""
    text = unicodedata.normalize("NFKC", text)
    stem = re.sub(r"[^\w.-]+", "-", text).strip("-._")[:80]
    stem = cut(stem, NAME_BYTES).rstrip("-._") or "picture"
    reserved = re.fullmatch(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?", stem)  # Windows devices
    return f"{'_' if reserved else ''}{stem}{suffix}"


def unique_path(folder: str | os.PathLike, stem: str, suffix: str) -> Path:
    """A path in `folder` that is not taken: stem.png, stem-2.png, ... Write to it before asking again."""
    stem = cut(stem, 240)  # of the 255 bytes of a name
    path, n = Path(folder, f"{stem}{suffix}"), 1
    while path.exists():
        n += 1
        path = Path(folder, f"{stem}-{n}{suffix}")
    return path
