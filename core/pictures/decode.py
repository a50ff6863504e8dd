"""From a foreign file to plain pixels: which decoders may run, when they may, and what their output means.

This is the only module that decodes pictures it did not make. The content decides what a file is (`recognised`), an
allow-list what is decoded, and the header whether it is decoded at all. It knows PIL, and pillow-heif for phone photos.
Whatever is wrong with a file comes out as a `UserError` in one sentence; no PIL exception leaves this module. What a
file costs that is decoded, and in which process that happens, is the business of `core.pictures.decoders`.
"""

from __future__ import annotations

import contextlib
import io
import math
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageCms,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from core import amounts
from core.errors import UserError
from core.visitors import policy

Source = str | os.PathLike | bytes | BinaryIO

MAX_SIDE = 65_535  # what JPEG and GIF can hold at all
MAX_JPEG_PIXELS = 250_000_000  # a JPEG can be made smaller while it is decoded; 200 megapixel phones exist

# ---------------------------------------------------------------- what a file is

# The formats that may be decoded at all: those of cameras, phones, scanners and the web. PIL's many other decoders
# are little used and never run here, whatever a file contains.
READERS = {
    "JPEG": JpegImagePlugin.JpegImageFile,
    "PNG": PngImagePlugin.PngImageFile,
    "WebP": WebPImagePlugin.WebPImageFile,
    "GIF": GifImagePlugin.GifImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
    "TIFF": TiffImagePlugin.TiffImageFile,
    "AVIF": AvifImagePlugin.AvifImageFile,
    "HEIC": None,  # pillow-heif's, imported when a phone photo comes
}

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
    """What a file with this beginning is: one of `READERS`, or words for what it is instead."""
    return next((kind for sign, kind in SIGNATURES if re.match(sign, head, re.DOTALL)), "of an unknown kind")


def _reader(kind: str) -> type[ImageFile.ImageFile]:
    if kind == "HEIC":
        import pillow_heif

        return pillow_heif.HeifImageFile
    return READERS[kind]


@contextlib.contextmanager
def recognised(source: Source, name: str | None) -> Iterator[tuple[BinaryIO, int, str, str]]:
    """The file at its beginning, its bytes, its kind, and the name to use in messages. Runs no decoder."""
    with contextlib.ExitStack() as stack:
        if isinstance(source, bytes | bytearray | memoryview):
            file: BinaryIO = io.BytesIO(source)
        elif isinstance(source, str | os.PathLike):
            name = name or Path(source).name
            try:
                file = stack.enter_context(open(source, "rb"))
            except (OSError, ValueError) as error:  # ValueError: a null character in the path
                reason = getattr(error, "strerror", None) or "not a file name"
                raise UserError(f"{called(name)} cannot be read ({reason}); choose another file.") from error
        else:
            file = source
            name = name or getattr(file, "name", None)
        name = called(name)

        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        if size == 0:
            raise UserError(f"{name} is empty (0 bytes); copy or download it again.")
        most = policy.limits().picture_bytes
        if size > most:
            raise UserError(
                f"{name} is {amounts.megabytes(size)}; up to {amounts.megabytes(most)} can be opened here, "
                "so save it smaller."
            )
        kind = _kind(file.read(512))
        file.seek(0)
        if kind not in READERS:
            raise UserError(f"{name} is {kind}, not a picture that can be opened; use {_either(list(READERS))}.")
        yield file, size, kind, name


# ---------------------------------------------------------------- the header


@contextlib.contextmanager
def opened(file: BinaryIO, kind: str, name: str) -> Iterator[Image.Image]:
    """The picture with only its header read."""
    with contextlib.ExitStack() as stack:
        reader = _reader(kind)
        with _decoding(kind, name):
            # Not Image.open: its bomb check warns or raises by a process-wide limit; `allowed` has its own.
            picture = stack.enter_context(reader(file))
        yield picture


def allowed(picture: Image.Image, kind: str, name: str, most: int) -> int:
    """How many pixels its header says there are to decode; a `UserError` where that is more than `most`."""
    width, height = picture.size
    # A progressive JPEG is held in full while it is decoded, however small it comes out.
    reducible = kind == "JPEG" and not picture.info.get("progressive")
    most = MAX_JPEG_PIXELS if reducible else most
    if width * height > most or max(width, height) > MAX_SIDE:
        raise UserError(
            f"{name} says it is {width} × {height} pixels; up to {most // 10**6} million pixels and "
            f"{MAX_SIDE} on a side can be opened, so save a smaller copy of it."
        )
    return width * height


@contextlib.contextmanager
def _decoding(kind: str, name: str) -> Iterator[None]:
    """Around PIL's decoders only: they raise nearly any exception on damaged data, and all mean the same."""
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:
        raise UserError(
            f"{name} is a {kind} picture that is damaged, breaks off early or is of a rare variety; "
            "copy it again, or open it elsewhere and save it as PNG."
        ) from error


def called(name: str | None) -> str:
    """A file's name, fit for a sentence."""
    shown = "".join(c for c in os.path.basename(str(name or "")) if c.isprintable())
    return (shown if len(shown) <= 60 else f"{shown[:40]}…{shown[-15:]}") or "The file"


def _either(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"


# ---------------------------------------------------------------- the pixels


def decoded(picture: Image.Image, kind: str, name: str, max_pixels: int) -> Image.Image:
    """The pixels of what `opened` gave: upright, in sRGB, RGB, or RGBA where they are see-through, no metadata.

    A picture of more than `max_pixels` comes out reduced to that many.
    """
    with _decoding(kind, name):
        if kind == "JPEG":
            picture.draft(None, _within(picture.size, max_pixels))  # an eighth, a quarter or half, for less work
        picture.load()
        icc, turn = picture.info.get("icc_profile"), _turn(picture)
        picture = _plain(picture)
    picture = picture.resize(_within(picture.size, max_pixels), Image.Resampling.LANCZOS, reducing_gap=3.0)
    if turn is not None:
        picture = picture.transpose(turn)
    picture = _in_srgb(picture, icc if isinstance(icc, bytes) else b"")  # a text chunk may be called icc_profile
    picture.info = {}
    return picture


def _within(size: tuple[int, int], max_pixels: int) -> tuple[int, int]:
    """`size`, or the size of its shape with `max_pixels` where that is smaller."""
    scale = math.sqrt(min(1.0, max_pixels / (size[0] * size[1])))
    return max(1, int(size[0] * scale)), max(1, int(size[1] * scale))


def _turn(picture: Image.Image) -> Image.Transpose | None:
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


def _plain(picture: Image.Image) -> Image.Image:
    """Any of PIL's modes as one of five: RGBA where it is see-through, else L, RGB, CMYK or LAB, 8 bits each."""
    if picture.mode in ("I", "F") or picture.mode.startswith("I;16"):
        return _grey8(picture)
    if "transparency" in picture.info or picture.mode in ("LA", "PA", "RGBA"):
        picture = picture.convert("RGBA")
        if picture.getchannel("A").getextrema() in ((255, 255), (0, 0)):
            picture = picture.convert("RGB")  # all zero is an unused channel, as in some BMP and TIFF files
        return picture
    if picture.mode in ("L", "CMYK", "LAB"):
        return picture
    return picture.convert("L" if picture.mode == "1" else "RGB")


def _grey8(picture: Image.Image) -> Image.Image:
    """16-bit, 32-bit and float greys as 8 bits: scaled, where PIL's own `convert` clips.

    A 16-bit file uses its full range. Wider types don't say their range: 0..1, 0..255 and 0..65535 are taken for
    what they look like, anything else is stretched from its darkest to its brightest value.
    """
    import numpy as np

    if picture.mode.startswith("I;16"):
        shown = np.rint(np.arange(65536) / 257).astype(np.uint8)
        return Image.fromarray(shown[np.asarray(picture)])
    values = np.nan_to_num(np.asarray(picture, dtype=np.float32), posinf=0.0, neginf=0.0)
    low, high = float(values.min()), float(values.max())
    if low >= 0 and high <= 65535:
        low, high = 0.0, next(top for top in (1.0, 255.0, 65535.0) if high <= top)
    return Image.fromarray(np.rint((values - low) * (255.0 / max(high - low, 1e-12))).astype(np.uint8))


def _in_srgb(picture: Image.Image, icc: bytes) -> Image.Image:
    """RGB or RGBA in sRGB, from any of the modes of `_plain`, with or without a colour profile."""
    if picture.mode == "RGBA":
        colours = _in_srgb(picture.convert("RGB"), icc)
        colours.putalpha(picture.getchannel("A"))
        return colours
    srgb = ImageCms.createProfile("sRGB")
    if picture.mode == "LAB":
        return ImageCms.profileToProfile(picture, ImageCms.createProfile("LAB"), srgb, outputMode="RGB")
    with contextlib.suppress(ImageCms.PyCMSError, OSError, ValueError):  # a broken profile must not cost the picture
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        space = profile.profile.xcolor_space.strip()
        if space == "RGB" and picture.mode == "L":
            picture = picture.convert("RGB")
        fits = {"GRAY": "L", "RGB": "RGB", "CMYK": "CMYK"}.get(space) == picture.mode
        if fits and not (profile.profile.profile_description or "").startswith("sRGB"):
            return ImageCms.profileToProfile(picture, profile, srgb, outputMode="RGB")
    return picture.convert("RGB")
