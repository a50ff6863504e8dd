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
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, cast

from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageChops,
    ImageCms,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from core import amounts, files
from core.errors import UserError
from core.pictures import depth, mend
from core.pictures.kinds import HEAD, kind_of
from core.visitors import policy

Source = str | os.PathLike | bytes | BinaryIO

MAX_SIDE = 65_535  # what JPEG and GIF can hold at all
MAX_JPEG_PIXELS = 250_000_000  # a JPEG can be made smaller while it is decoded; 200 megapixel phones exist
MISSING = 0.02  # of a JPEG's pixels, where its last bytes are
BLANK_FRAMES = 16  # of an animation are looked at for one that shows something

SAVE = "open it elsewhere and save it as PNG or JPEG"

# ---------------------------------------------------------------- what a file is

# The formats that may be decoded at all: those of cameras, phones, scanners and the web. PIL's many other decoders
# are little used and never run here, whatever a file contains.
READERS: dict[str, type[ImageFile.ImageFile] | None] = {
    "JPEG": JpegImagePlugin.JpegImageFile,
    "PNG": PngImagePlugin.PngImageFile,
    "WebP": WebPImagePlugin.WebPImageFile,
    "GIF": GifImagePlugin.GifImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
    "TIFF": TiffImagePlugin.TiffImageFile,
    "AVIF": AvifImagePlugin.AvifImageFile,
    "HEIC": None,  # pillow-heif's, imported when a phone photo comes
}


def _reader(kind: str) -> type[ImageFile.ImageFile]:
    if kind == "HEIC":
        import pillow_heif

        return pillow_heif.HeifImageFile
    reader = READERS[kind]
    assert reader is not None, f"{kind} is imported above"
    return reader


@contextlib.contextmanager
def recognised(source: Source, name: str | None) -> Iterator[tuple[BinaryIO, int, str, str]]:
    """The file at its beginning, its bytes, its kind, and the name to use in messages. Runs no decoder."""
    with contextlib.ExitStack() as stack:
        if isinstance(source, bytes | bytearray | memoryview):
            file: BinaryIO = io.BytesIO(source)
        elif isinstance(source, str | os.PathLike):
            name = name or Path(source).name
            try:
                file = stack.enter_context(files.opened(source))
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
        kind = kind_of(file.read(HEAD))
        file.seek(0)
        if kind not in READERS:
            way_out = f"use {_either(list(READERS))}"
            if kind.endswith("raw file"):
                way_out = SAVE
            elif "archive" in kind:
                way_out = "unpack it" if kind == "a ZIP archive" else "unpack it, or pack it as a zip to train on it"
            raise UserError(f"{name} is {kind}, not a picture that can be opened; {way_out}.")
        yield file, size, kind, name


# ---------------------------------------------------------------- the header


@contextlib.contextmanager
def opened(file: BinaryIO, kind: str, name: str, keyword: str | None = None) -> Iterator[ImageFile.ImageFile]:
    """The picture with only its header read, and what it says under `keyword`."""
    with contextlib.ExitStack() as stack:
        reader = _reader(kind)
        with _decoding(kind, name):
            if kind == "TIFF" and _is_raw(file):
                raise UserError(f"{name} is a camera's raw file, not a picture that can be opened; {SAVE}.")
            # Not Image.open: its bomb check warns or raises by a process-wide limit; `allowed` has its own.
            if kind != "PNG":
                mend.end(file, kind)
                picture = reader(file)
            else:
                try:
                    picture = reader(mend.png(file, keyword))
                except Exception:
                    if keyword is not None:
                        raise
                    picture = _still(file)
            stack.enter_context(picture)
        yield picture


def _still(file: BinaryIO) -> ImageFile.ImageFile:
    """A PNG without all that may be wrong beside its picture."""
    file.seek(0)
    return PngImagePlugin.PngImageFile(mend.png(file, bare=True))


# Of a TIFF's directory: what kind of page it is, what its values mean, which directories are within it, and of DNG.
PAGE, COLOURS, INNER, DNG = 254, 262, 330, 50706
INNER_LOOKED_AT = 8
SENSORS = (32803, 34892)  # values of COLOURS: a mosaic of filters, and what was made of one before it is developed


def _is_raw(file: BinaryIO) -> bool:
    """Whether a TIFF holds what a sensor saw: it says so, or comes with a small picture to be shown in its place."""
    head = file.read(8)
    head += file.read(8) if head[2] == 43 else b""  # BigTIFF

    def directory(place: int | None) -> Mapping[int, Any]:
        found = TiffImagePlugin.ImageFileDirectory_v2(head)
        file.seek(found.next if place is None else place)
        found.load(file)
        return found

    raw = False
    with contextlib.suppress(Exception):  # the reader will say what is wrong with it
        first = directory(None)
        raw = first.get(PAGE, 0) == 1 or first.get(COLOURS) in SENSORS or DNG in first
        inner = first.get(INNER, ())
        for place in [inner] if isinstance(inner, int) else inner[:INNER_LOOKED_AT]:
            raw = raw or directory(place).get(COLOURS) in SENSORS
    file.seek(0)
    return raw


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
    except (MemoryError, UserError):
        raise
    except Exception as error:
        raise UserError(
            f"{name} is a {kind} picture that is damaged, breaks off early or is of a rare variety; copy it again, or "
            f"{SAVE}."
        ) from error


def called(name: str | None) -> str:
    """A file's name, fit for a sentence."""
    shown = "".join(c for c in os.path.basename(str(name or "")) if c.isprintable())
    return (shown if len(shown) <= 60 else f"{shown[:40]}…{shown[-15:]}") or "The file"


def _either(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"


# ---------------------------------------------------------------- the pixels


def decoded(picture: ImageFile.ImageFile, kind: str, name: str, max_pixels: int) -> Image.Image:
    """The pixels of what `opened` gave: upright, in sRGB, RGB, or RGBA where they are see-through, no metadata.

    A picture of more than `max_pixels` comes out reduced to that many.
    """
    with _decoding(kind, name):
        loaded = _loaded(picture, kind, max_pixels)
        icc, turn, gamma = loaded.info.get("icc_profile"), _turn(loaded), _gamma(loaded, kind)
        plain = _showing(loaded, kind)
    plain = plain.resize(_within(plain.size, max_pixels), Image.Resampling.LANCZOS, reducing_gap=3.0)
    if turn is not None:
        plain = plain.transpose(turn)
    if gamma:
        plain = _brightened(plain, gamma)
    plain = _in_srgb(plain, icc if isinstance(icc, bytes) else b"")  # a text chunk may be called icc_profile
    plain.info = {}
    return plain


def _loaded(picture: ImageFile.ImageFile, kind: str, max_pixels: int) -> ImageFile.ImageFile:
    file = cast(BinaryIO, picture.fp)
    if kind != "JPEG":
        tiles = picture.tile
        try:
            picture.load()
        except Exception:
            if kind != "PNG":
                raise
            picture = _still(file)
            picture.load()
        return depth.all_bits(picture, tiles, file)
    size = _within(picture.size, max_pixels)
    picture.draft(None, size)  # an eighth, a quarter or half, for less work
    try:
        picture.load()
        return picture
    except OSError:
        file.seek(0)
        pictures = [JpegImagePlugin.JpegImageFile(end) for end in mend.jpeg_ends(file)]
        for each in pictures:
            each.draft(None, size)
            each.load()
        differ = ImageChops.difference(*pictures).convert("L").histogram()
        if sum(differ[1:]) > MISSING * sum(differ):
            raise
        return pictures[0]


def _within(size: tuple[int, int], max_pixels: int) -> tuple[int, int]:
    """`size`, or the size of its shape with `max_pixels` where that is smaller."""
    scale = math.sqrt(min(1.0, max_pixels / (size[0] * size[1])))
    width, height = max(1, int(size[0] * scale)), max(1, int(size[1] * scale))
    width = max(1, min(width, max_pixels // height))  # for where the other side came out as one pixel
    return width, max(1, min(height, max_pixels // width))


def _turn(picture: Image.Image) -> Image.Transpose | None:
    """How to turn the picture upright, from its EXIF data. Read after loading: some decoders turn it themselves."""
    try:
        orientation = picture.getexif().get(0x0112)
    except Exception:  # damaged metadata must not cost the picture
        picture._exif = None  # nor the memory it needs
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
    }.get(orientation or 1)


def _gamma(picture: Image.Image, kind: str) -> float | None:
    """What the brightness of a PNG has to be raised to, where it is not meant for screens and has no profile."""
    gamma = picture.info.get("gamma")
    if kind != "PNG" or not isinstance(gamma, float) or {"srgb", "icc_profile"} & picture.info.keys():
        return None
    return 1 / (2.2 * gamma) if 0.01 < gamma < 10 and abs(2.2 * gamma - 1) > 0.05 else None


def _brightened(picture: Image.Image, gamma: float) -> Image.Image:
    table = [round(255 * (value / 255) ** gamma) for value in range(256)]
    straight = list(range(256)) if picture.mode == "RGBA" else []
    return picture.point(table * (len(picture.getbands()) - bool(straight)) + straight)


def _showing(picture: Image.Image, kind: str) -> Image.Image:
    """Plain pixels; of an animation those of the first frame that is not blank."""
    first = shown = _plain(picture, kind)
    if kind not in ("GIF", "WebP", "PNG", "AVIF"):
        return first
    with contextlib.suppress(Exception):  # damage in later frames must not cost the first
        while _blank(shown) and picture.tell() + 1 < min(getattr(picture, "n_frames", 1), BLANK_FRAMES):
            picture.seek(picture.tell() + 1)
            shown = _plain(picture, kind)
    return first if _blank(shown) else shown


def _blank(picture: Image.Image) -> bool:
    return (picture.mode == "RGBA" and depth.extrema(picture)[3][1] == 0) or depth.flat(picture)


def _plain(picture: Image.Image, kind: str) -> Image.Image:
    """Any of PIL's modes as one of five: RGBA where it is see-through, else L, RGB, CMYK or LAB, 8 bits each."""
    if picture.mode in ("I", "F") or picture.mode.startswith("I;16"):
        grey, clear = depth.grey8(picture), picture.info.get("transparency")
        return depth.without(grey, picture, clear) if isinstance(clear, int) else grey
    if "transparency" in picture.info or picture.mode in ("LA", "PA", "RGBA"):
        picture = picture.convert("RGBA")
        lowest, highest = picture.getchannel("A").getextrema()
        # All zero is an unused channel in some BMP and TIFF files; elsewhere it means what it says.
        if lowest == 255 or (highest == 0 and kind in ("BMP", "TIFF")):
            picture = picture.convert("RGB")
        return picture
    if picture.mode in ("L", "CMYK", "LAB"):
        return picture.copy()
    return picture.convert("L" if picture.mode == "1" else "RGB")


def _grey(picture: Image.Image) -> bool:
    red, green, blue = picture.split()
    return not ImageChops.difference(red, green).getbbox() and not ImageChops.difference(red, blue).getbbox()


def _in_srgb(picture: Image.Image, icc: bytes) -> Image.Image:
    """RGB or RGBA in sRGB, from any of the modes of `_plain`, with or without a colour profile."""
    if picture.mode == "RGBA":
        colours = _in_srgb(picture.convert("RGB"), icc)
        colours.putalpha(picture.getchannel("A"))
        return colours
    srgb = ImageCms.createProfile("sRGB")
    if picture.mode == "LAB":
        return _converted(picture, ImageCms.createProfile("LAB"), srgb)
    with contextlib.suppress(ImageCms.PyCMSError, OSError, ValueError):  # a broken profile must not cost the picture
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        space = profile.profile.xcolor_space.strip()
        if space == "RGB" and picture.mode == "L":
            picture = picture.convert("RGB")
        if space == "GRAY" and picture.mode == "RGB" and _grey(picture):  # grey with transparency comes as RGBA
            picture = picture.convert("L")
        fits = {"GRAY": "L", "RGB": "RGB", "CMYK": "CMYK"}.get(space) == picture.mode
        if fits and not (profile.profile.profile_description or "").startswith("sRGB"):
            return _converted(picture, profile, srgb)
    return picture.convert("RGB")


def _converted(picture: Image.Image, profile: Any, srgb: Any) -> Image.Image:
    converted = ImageCms.profileToProfile(picture, profile, srgb, outputMode="RGB")
    assert converted is not None, "it is only where a picture is changed in place"
    return converted
