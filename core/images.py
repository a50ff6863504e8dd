"""Pictures in, pictures out: opening what visitors bring, saving what we made, arranging it to be looked at.

This is the only module that decodes foreign pictures. It knows PIL (and pillow-heif, for phone photos) and
nothing of torch, of requests or of how a picture is made. Whatever is wrong with a file comes out as a
`UserError` in one sentence; no PIL exception leaves this module.

In the order of a picture's way: open, size and alpha, recipe, finish, show, name.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import io
import json
import math
import os
import re
import unicodedata
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from PIL import Image, ImageCms, ImageFilter, PngImagePlugin

from core.errors import UserError

Source = str | os.PathLike | bytes | BinaryIO

MAX_BYTES = 200_000_000
MAX_SIDE = 65_535  # what JPEG and GIF can hold at all
MAX_PIXELS = 100_000_000  # decoded at once: 400 MB as PIL keeps them
MAX_JPEG_PIXELS = 250_000_000  # a JPEG can be made smaller while it is decoded; 200 megapixel phones exist
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
    with _opened(source, name) as (picture, kind, name):
        width, height = picture.size
        jpeg = kind == "JPEG" and not picture.info.get("progressive")
        limit = MAX_JPEG_PIXELS if jpeg else MAX_PIXELS  # a progressive one is held in full while it is decoded
        if width * height > limit or max(width, height) > MAX_SIDE:
            raise UserError(
                f"{name} says it is {width} × {height} pixels; up to {limit // 10**6} million pixels and "
                f"{MAX_SIDE} on a side can be opened, so save a smaller copy of it."
            )
        with _decoding(kind, name):
            size = _within(picture.size, max_pixels)
            if kind == "JPEG":
                picture.draft(None, size)  # halves it up to three times, at a fraction of the work
            picture.load()
            picture = _plain(picture, _orientation(picture), picture.info.get("icc_profile"), max_pixels)
    picture.info = {}
    return picture


@contextlib.contextmanager
def _opened(source: Source, name: str | None) -> Iterator[tuple[Image.Image, str, str]]:
    """The picture with only its header read, its kind, and the name to use in messages."""
    with contextlib.ExitStack() as stack:
        if isinstance(source, bytes | bytearray | memoryview):
            file: BinaryIO = io.BytesIO(source)
        elif isinstance(source, str | os.PathLike):
            name = name or Path(source).name
            try:
                file = stack.enter_context(open(source, "rb"))
            except (OSError, ValueError) as error:  # ValueError: a null character in the path
                reason = getattr(error, "strerror", None) or "not a file name"
                raise UserError(f"{_called(name)} cannot be read ({reason}); choose another file.") from error
        else:
            file = source
            name = name or getattr(file, "name", None)
        name = _called(name)

        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        if size == 0:
            raise UserError(f"{name} is empty (0 bytes); copy or download it again.")
        if size > MAX_BYTES:
            raise UserError(
                f"{name} is {size // 10**6} MB; up to {MAX_BYTES // 10**6} MB can be opened, so save it smaller."
            )
        kind = _kind(file.read(512))
        file.seek(0)
        if kind not in READABLE:
            raise UserError(f"{name} is {kind}, not a picture that can be opened; use {_either(READABLE)}.")
        with _decoding(kind, name):
            # Not Image.open: its bomb check warns or raises by a process-wide limit; ours looks at the header.
            picture = stack.enter_context(_reader(kind)(file))
        yield picture, kind, name


@contextlib.contextmanager
def _decoding(kind: str, name: str) -> Iterator[None]:
    """PIL's decoders raise nearly any exception on damaged data; here they all mean the same."""
    try:
        yield
    except Exception as error:
        raise UserError(
            f"{name} is a {kind} picture that is damaged, breaks off early or is of a rare variety; "
            "copy it again, or open it elsewhere and save it as PNG."
        ) from error


# The formats that may be decoded at all: those of cameras, phones, scanners and the web. PIL's many other decoders
# are little used and never run here, whatever a file contains.
READABLE = ("JPEG", "PNG", "WebP", "GIF", "BMP", "TIFF", "HEIC", "AVIF")

SIGNATURES = (
    (rb"\xff\xd8\xff", "JPEG"),
    (rb"\x89PNG\r\n\x1a\n", "PNG"),
    (rb"RIFF....WEBP", "WebP"),
    (rb"GIF8[79]a", "GIF"),
    (rb"BM....\0\0\0\0", "BMP"),
    (rb"II[*+]\0|MM\0[*+]", "TIFF"),
    (rb"....ftyp(....)*?avi[fs]", "AVIF"),
    (rb"....ftyp(....)*?(hei[cxms]|hev[cx]|mif1)", "HEIC"),
    (rb"....ftypcrx ", "a camera's raw file"),
    (rb"....ftyp|\x1aE\xdf\xa3|RIFF....AVI |\0\0\x01[\xb0-\xbf]", "a video"),
    (rb"%PDF", "a PDF document"),
    (rb"PK\x03\x04", "a ZIP archive or office document"),
    (rb"8BPS", "a Photoshop file"),
    (rb"\xff\x0a|\0\0\0\x0cJXL ", "a JPEG XL file"),
    (rb"\0\0\0\x0cjP  |\xffO\xffQ", "a JPEG 2000 file"),
    (rb"\0\0\x01\0", "an icon"),
    (rb"%!PS", "a PostScript file"),
    (rb"(?i)[^\0]*<svg", "an SVG drawing"),
    (rb"(?i)\s*<(!doctype html|html)", "a web page"),
    (rb"[\t\n\r -~\x80-\xff]+$", "text"),
)


def _kind(head: bytes) -> str:
    """What a file with this beginning is: one of `READABLE`, or words for what it is instead."""
    return next((kind for sign, kind in SIGNATURES if re.match(sign, head, re.DOTALL)), "of an unknown kind")


def _reader(kind: str) -> type[Image.Image]:
    """The one decoder for this kind."""
    from PIL import (
        AvifImagePlugin,
        BmpImagePlugin,
        GifImagePlugin,
        JpegImagePlugin,
        TiffImagePlugin,
        WebPImagePlugin,
    )

    if kind == "HEIC":
        import pillow_heif

        return pillow_heif.HeifImageFile
    return {
        "JPEG": JpegImagePlugin.JpegImageFile,
        "PNG": PngImagePlugin.PngImageFile,
        "WebP": WebPImagePlugin.WebPImageFile,
        "GIF": GifImagePlugin.GifImageFile,
        "BMP": BmpImagePlugin.BmpImageFile,
        "TIFF": TiffImagePlugin.TiffImageFile,
        "AVIF": AvifImagePlugin.AvifImageFile,
    }[kind]


def _plain(picture: Image.Image, turn: Image.Transpose | None, icc: bytes | None, max_pixels: int) -> Image.Image:
    """Any of PIL's modes as RGB, or as RGBA where it is see-through."""
    if picture.mode in ("I", "F") or picture.mode.startswith("I;16"):
        picture = _grey8(picture)
    elif "transparency" in picture.info or picture.mode in ("LA", "PA", "RGBA"):
        picture = picture.convert("RGBA")
    elif picture.mode == "1":
        picture = picture.convert("L")
    elif picture.mode not in ("L", "CMYK", "LAB"):  # these three have colour profiles of their own
        picture = picture.convert("RGB")

    size = _within(picture.size, max_pixels)
    if size != picture.size:
        picture = picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    if turn is not None:
        picture = picture.transpose(turn)

    if picture.mode == "RGBA":
        alpha = picture.getchannel("A")
        colours = _in_srgb(picture.convert("RGB"), icc)
        if alpha.getextrema() in ((255, 255), (0, 0)):  # all zero: an unused channel, as in some BMP and TIFF files
            return colours
        colours.putalpha(alpha)
        return colours
    return _in_srgb(picture, icc)


def _grey8(picture: Image.Image) -> Image.Image:
    """16-bit, 32-bit and float greys as 8 bits: scaled, where PIL's own `convert` clips.

    A 16-bit file uses its full range. Wider types don't say their range: 0..1, 0..255 and 0..65535 are taken for
    what they look like, anything else is stretched from its darkest to its brightest value.
    """
    import numpy as np

    values = np.nan_to_num(np.asarray(picture, dtype=np.float32), posinf=0.0, neginf=0.0)
    low, high = float(values.min()), float(values.max())
    if picture.mode.startswith("I;16"):
        low, high = 0.0, 65535.0
    elif low >= 0 and high <= 65535:
        low, high = 0.0, next(top for top in (1.0, 255.0, 65535.0) if high <= top)
    return Image.fromarray(np.rint((values - low) * (255.0 / max(high - low, 1e-12))).astype(np.uint8))


def _orientation(picture: Image.Image) -> Image.Transpose | None:
    """How to turn the picture upright, from its EXIF data. Read after loading: some decoders turn it themselves."""
    try:
        orientation = picture.getexif().get(0x0112)
    except Exception:  # damaged metadata must not cost the picture
        return None
    turns = Image.Transpose
    return {
        2: turns.FLIP_LEFT_RIGHT,
        3: turns.ROTATE_180,
        4: turns.FLIP_TOP_BOTTOM,
        5: turns.TRANSPOSE,
        6: turns.ROTATE_270,
        7: turns.TRANSVERSE,
        8: turns.ROTATE_90,
    }.get(orientation)


def _in_srgb(picture: Image.Image, icc: bytes | None) -> Image.Image:
    """RGB in sRGB, from L, RGB, CMYK or LAB with or without a colour profile."""
    if picture.mode == "LAB":
        return _transform("LAB", None)(picture)
    if icc:
        with contextlib.suppress(ImageCms.PyCMSError, OSError):  # a broken profile must not cost the picture
            profile = ImageCms.ImageCmsProfile(io.BytesIO(icc)).profile
            space = profile.xcolor_space.strip()
            if space == "RGB" and picture.mode == "L":
                picture = picture.convert("RGB")
            fits = {"GRAY": "L", "RGB": "RGB", "CMYK": "CMYK"}.get(space) == picture.mode
            if fits and not (profile.profile_description or "").startswith("sRGB"):
                return _transform(picture.mode, icc)(picture)
    return picture.convert("RGB")


def _transform(mode: str, icc: bytes | None):
    source = ImageCms.ImageCmsProfile(io.BytesIO(icc)) if icc else ImageCms.createProfile("LAB")
    transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
    return functools.partial(ImageCms.applyTransform, transform=transform)


def _called(name: str | None) -> str:
    """A file's name, fit for a sentence."""
    shown = "".join(c for c in os.path.basename(str(name or "")) if c.isprintable())
    return (shown if len(shown) <= 60 else f"{shown[:40]}…{shown[-15:]}") or "The file"


def _either(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"


# ---------------------------------------------------------------- size and alpha


def _within(size: tuple[int, int], max_pixels: int) -> tuple[int, int]:
    scale = math.sqrt(min(1.0, max_pixels / (size[0] * size[1])))
    return max(1, int(size[0] * scale)), max(1, int(size[1] * scale))


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
    with _opened(source, name) as (picture, kind, name):
        text = picture.info.get(RECIPE_KEY) if kind == "PNG" else None
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
    path = Path(target)
    part = path.with_name(f".{uuid.uuid4().hex}.part")
    try:
        with open(part, "xb") as file:
            yield file
        os.replace(part, path)
    except OSError as error:
        if error.errno is None:  # not from the system
            raise
        raise UserError(f"{path} cannot be written ({error.strerror}); choose another place.") from error
    finally:
        part.unlink(missing_ok=True)


# ---------------------------------------------------------------- finish


def finish(
    painting: Image.Image, photo: Image.Image, *, strength: float = 1.0, keep_colour: bool = False
) -> Image.Image:
    """The controls after the fact: how strongly the painting shows (0..1), and in whose colours. RGB.

    The photo is fitted to the painting's size. `strength` blends from the photo (0) to the painting (1).
    `keep_colour` gives the painting's brightness to the photo's colours: Gatys et al. 2016, "Preserving Color in
    Neural Artistic Style Transfer", luminance-only transfer, applied afterwards.
    """
    painting = on_white(painting)
    if strength == 1 and not keep_colour:
        return painting
    photo = on_white(photo)
    if photo.size != painting.size:
        photo = photo.resize(painting.size, Image.Resampling.LANCZOS)
    if keep_colour:
        painting = _recoloured(painting, photo)
    return Image.blend(photo, painting, strength)


def _recoloured(painting: Image.Image, photo: Image.Image) -> Image.Image:
    """The painting's luma under the photo's chroma. Two RGB pictures of one size."""
    import numpy as np

    luma = np.asarray(painting.convert("L"), np.float32)  # ITU-R BT.601, as in YCbCr
    # The paper moves the style's luma to the photo's mean and contrast before painting. Afterwards, half of the way
    # looks best: none leaves yellow olive under a dark painting, all of it washes the painting's own light out.
    light = np.asarray(photo.convert("L"), np.float32)
    matched = (luma - luma.mean()) * (light.std() / max(luma.std(), 1.0)) + light.mean()
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
    """A time-lapse as animated WebP or GIF; the last frame stays for `hold_last` seconds.

    All frames take the shape of the last one, with at most `longer` pixels on the longer side.
    """
    frames = [on_white(frame) for frame in frames]
    width, height = frames[-1].size
    size = fit_size(width, height, min(longer, max(width, height)), minimum=1)
    frames = [f if f.size == size else f.resize(size, Image.Resampling.LANCZOS) for f in frames]
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


def save_name(text: str, suffix: str = "") -> str:
    """A file name that every system accepts, recognisably made from `text`."""
    text = unicodedata.normalize("NFKC", text)
    stem = re.sub(r"[^\w.-]+", "-", text).strip("-._")[:80].rstrip("-._") or "picture"
    reserved = re.fullmatch(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?", stem)  # Windows devices
    return f"{'_' if reserved else ''}{stem}{suffix}"


def unique_path(folder: str | os.PathLike, stem: str, suffix: str) -> Path:
    """A path in `folder` that is not taken: stem.png, stem-2.png, ... Write to it before asking again."""
    path, n = Path(folder, f"{stem}{suffix}"), 1
    while path.exists():
        n += 1
        path = Path(folder, f"{stem}-{n}{suffix}")
    return path
