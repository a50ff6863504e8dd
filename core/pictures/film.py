"""Clips read and written, frame after frame: GIF, WebP and PNG that move, and videos with their sound.

A process of `core.pictures.clips` runs this, for what strangers send is decoded here. The content decides how a file is
read, never its name, and no demuxer runs that opens further files. Frames come upright and with their time; none but
the one at work is held. Knows PIL and PyAV, nothing of what is done to the frames.
"""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Protocol, cast

from PIL import Image

from core import files
from core.errors import UserError
from core.pictures import decode
from core.pictures.images import on_white
from core.pictures.kinds import HEAD, kind_of
from core.pictures.video import BT709, LIMITED

PICTURES = {"GIF": ".gif", "WebP": ".webp", "PNG": ".png"}  # kinds of pictures that can move -> what their files end in
VIDEO = ".mp4"
ENDINGS = (*PICTURES.values(), VIDEO)
READ = (*PICTURES.values(), ".apng", VIDEO, ".m4v", ".mov", ".webm", ".mkv", ".avi")  # what clips are called
# A video's first bytes -> the one demuxer that may read it.
CONTAINERS = ((b"ftyp", 4, "mov"), (b"\x1aE\xdf\xa3", 0, "matroska"), (b"AVI ", 8, "avi"))
CODECS = {"h264", "hevc", "vp8", "vp9", "av1", "libdav1d", "mpeg4", "msmpeg4v3", "h263", "mjpeg", "mpeg2video",
          "mpeg1video", "prores"}  # fmt: skip
KEPT_SOUND = {"aac", "mp3", "mp3float", "ac3", "eac3", "alac", "opus", "libopus", "flac"}  # what MP4 can hold as it is
USUAL = Fraction(1, 10)  # s: what browsers show a frame for whose file says nothing, or less than they can
SHORTEST = Fraction(1, 60)
MOST_PLAYS = 2**16  # which no kind can write; it is as good as for ever
TICK = Fraction(1, 1000)  # of what is written, where the source is no video
SHORT_BY = Fraction(1, 10)  # s that a whole video may end before it says

# ---------------------------------------------------------------- what comes in


def _several(gif: BinaryIO) -> bool:
    """Whether a GIF has more than one frame: its blocks are walked through, none is kept and none decoded."""
    gif.seek(10)
    gif.seek(13 + _colours(gif.read(1)[0]))
    frames = 0
    while frames < 2 and (block := gif.read(1)) in (b"\x21", b"\x2c"):  # something about frames, or a frame
        if block == b"\x2c":
            frames += 1
            about = gif.read(9)
            gif.seek(_colours(about[8]) + 1, os.SEEK_CUR)
        else:
            gif.seek(1, os.SEEK_CUR)
        while length := gif.read(1).strip(b"\0"):  # pieces, each behind its length
            gif.seek(length[0], os.SEEK_CUR)
    return frames > 1


def _colours(flags: int) -> int:
    """Bytes of the table that comes next."""
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0


class Frame(NamedTuple):
    picture: Image.Image  # RGB, or RGBA where it is see-through
    at: Fraction  # s from the beginning
    lasts: Fraction  # s


@dataclass(frozen=True)
class Sound:
    """A piece of a video's sound, as it stands in the file, on its way to the other one."""

    packet: Any


def ending_of(clip: str | os.PathLike) -> str:
    """What a file of the kind of this clip ends in; an MP4's where it is none."""
    with contextlib.suppress(OSError):
        return PICTURES.get(_kind(clip), VIDEO)
    return VIDEO


def is_picture(file: Path) -> bool:
    """Whether it can be painted, as a picture or as a clip, as far as its beginning says."""
    with contextlib.suppress(OSError):
        return file.is_file() and ((kind := _kind(file)) in decode.READERS or kind == "a video")
    return False


def _kind(file: str | os.PathLike) -> str:
    with files.opened(file) as opened:
        return kind_of(opened.read(HEAD))


def moves(file: str | os.PathLike) -> bool:
    """Whether it is a clip: a video, or a picture that says it has several frames. Decodes nothing."""
    with contextlib.suppress(OSError, ValueError, IndexError), files.opened(file) as opened:
        head = opened.read(HEAD)
        kind = kind_of(head)
        if kind == "GIF":
            return _several(opened)
        if kind == "WebP":
            return head[12:16] == b"VP8X" and bool(head[20] & 2)
        if kind == "PNG":
            before, marked, _ = (head + opened.read(2**16)).partition(b"acTL")
            return bool(marked) and b"IDAT" not in before
        return kind == "a video"
    return False


class Source:
    """A clip that can be read, once. `moves` is false for a still picture; `breaks_off` tells afterwards whether it was
    damaged before its end."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self.name, self.breaks_off = name, False
        self._file = file
        head = file.read(HEAD)
        file.seek(0)
        self.kind = kind_of(head)
        self.container = next((own for sign, at, own in CONTAINERS if head[at : at + len(sign)] == sign), None)
        if self.kind != "a video" or self.container is None:
            self.container = None
            if not head:
                raise UserError(f"{name} is empty (0 bytes); copy or download it again.")
            if self.kind in decode.READERS and self.kind not in PICTURES:
                raise UserError(f"{name} is a {self.kind} picture, which does not move; paint it as a photo.")
            if self.kind not in PICTURES:
                raise UserError(f"{name} is {self.kind}, not a clip that can be painted; use GIF, WebP, APNG, MP4, "
                                "MOV, WebM, MKV or AVI.")  # fmt: skip
        self.ending = PICTURES.get(self.kind, VIDEO)
        self.sound: Any = None  # the stream of a video
        self.plays = 0  # times, once frames are read; 0: again and again

    def frames(self, most: int) -> Iterator[Frame | Sound]:
        """All there is to see (`most`: pixels of a frame), and to hear, in the order of the file."""
        first = True
        try:
            for each in self._video(most) if self.container else self._moving(most):
                first = first and not isinstance(each, Frame)
                yield each
        except (MemoryError, UserError):
            raise
        except Exception as error:
            if first:
                raise UserError(
                    f"{self.name} is damaged, breaks off early or is of a rare variety; copy it again, or save it "
                    "elsewhere as MP4."
                ) from error
            self.breaks_off = True

    def _moving(self, most: int) -> Iterator[Frame]:
        data = self._file.read()
        if self.kind == "WebP":
            data, self.breaks_off = _whole(data)
        with decode.opened(io.BytesIO(data), self.kind, self.name) as picture:  # which may mend its end
            decode.allowed(picture, self.kind, self.name, most)
            loop = picture.info.get("loop")
            if self.kind == "GIF":  # which says how often it is shown again, or nothing
                loop = 1 if loop is None else loop and loop + 1
            self.plays = loop or 0
            at, number = Fraction(0), 0
            while True:
                try:
                    picture.seek(number)
                except EOFError:
                    return
                picture.load()
                lasts = Fraction(str(picture.info.get("duration") or 0)) / 1000
                lasts = lasts if lasts >= SHORTEST else USUAL
                clear = picture.mode == "RGBA" or "transparency" in picture.info
                yield Frame(picture.convert("RGBA" if clear else "RGB"), at, lasts)
                at, number = at + lasts, number + 1

    def _video(self, most: int) -> Iterator[Frame | Sound]:
        import av

        with cast(Any, av.open(self._file, format=self.container)) as source:
            if not source.streams.video:
                raise UserError(f"{self.name} has no pictures, only sound; choose a video.")
            stream = source.streams.video[0]
            about = stream.codec_context
            if about.name not in CODECS:
                raise UserError(f"{self.name} is a video of a rare variety ({about.name}); save it elsewhere as MP4.")
            if about.width * about.height > most:
                raise UserError(f"{self.name} is {about.width} × {about.height} pixels; up to {most // 10**6} million "
                                "can be opened, so save it smaller.")  # fmt: skip
            self.sound = source.streams.audio[0] if source.streams.audio else None
            lasts = 1 / Fraction(stream.average_rate or 25)
            said = stream.duration * stream.time_base if stream.duration else Fraction(source.duration or 0, 10**6)
            begins, at, heard = None, -lasts, Fraction(0)
            for packet in source.demux([each for each in (stream, self.sound) if each]):
                if packet.stream is self.sound:
                    if packet.dts is not None:
                        heard = (packet.dts + (packet.duration or 0)) * packet.time_base
                        yield Sound(packet)
                    continue
                for frame in packet.decode():
                    shown = at + lasts if frame.pts is None else frame.pts * frame.time_base
                    at = max(shown, at + TICK / 10)  # two of one time would not be written
                    begins = at if begins is None else begins
                    yield Frame(_upright(frame, stream), at, lasts)
            if begins is not None and max(at + lasts, heard) - begins < said - max(SHORT_BY, 3 * lasts):
                self.breaks_off = True


def _whole(webp: bytes) -> tuple[bytes, bool]:
    """As much of a WebP as there is, cut behind its last whole part, for its decoder takes no other; and whether
    something was missing."""
    size = 8 + int.from_bytes(webp[4:8], "little")
    if size <= len(webp):
        return webp, False
    place = 12
    while place + 8 <= len(webp):
        length = int.from_bytes(webp[place + 4 : place + 8], "little")
        if place + 8 + length > len(webp):
            break
        place += 8 + length + length % 2
    return b"RIFF" + (place - 8).to_bytes(4, "little") + webp[8:place], True


def _upright(frame: Any, stream: Any) -> Image.Image:
    """As a person sees it: with square pixels, turned as the phone was held."""
    picture, shape = frame.to_image(), stream.sample_aspect_ratio
    if shape and shape > 0 and shape != 1 and Fraction(1, 4) <= shape <= 4:
        picture = picture.resize((max(1, round(picture.width * shape)), picture.height))
    turned = frame.rotation % 360
    return picture.rotate(turned, expand=True) if turned else picture


# ---------------------------------------------------------------- what goes out


class Writer(Protocol):
    """A clip being written: frames of one size, each with its time, and pieces of sound between them."""

    note: str  # what a person has to know of it

    def show(self, frame: Frame) -> None: ...
    def hear(self, piece: Sound) -> None: ...
    def close(self) -> None: ...


def writer(
    path: Path, size: tuple[int, int], clear: bool, last: Fraction, plays: int, sound: Any, palette: Image.Image
) -> Writer:  # fmt: skip
    """What writes to `path`, whose name ends in one of `ENDINGS`.

    `clear`: whether frames may be see-through; `last`: how long the last one is shown; `plays`: how often a picture
    that moves is shown, 0 for ever. `sound`: the stream that comes
    with them, or None. `palette`: a picture with the colours that a GIF has for all of its frames.
    """
    plays = plays if plays < MOST_PLAYS else 0
    match path.suffix:
        case ".mp4":
            written: Writer = _Film(path, size, sound)
        case ".webp":
            written = _WebP(path, size, clear, plays)
        case ".gif":
            colours = _Palette(palette, clear)
            again = plays - 1 or -1 if plays else 0  # as a GIF says it
            written = _Moving(path, size, "gif", "pal8", Fraction(1, 100), colours.frame,
                              {"loop": str(again), "final_delay": str(round(100 * last))})  # fmt: skip
        case _:
            written = _Moving(path, size, "apng", "rgba" if clear else "rgb24", TICK,
                              partial(_plain, clear),
                              {"plays": str(plays), "final_delay": f"{last.numerator}/{last.denominator}"})  # fmt: skip
    if sound is not None and path.suffix != VIDEO:
        written.note = f"A {path.suffix[1:].upper()} has no sound, so the clip's was left out."
    return written


def _plain(clear: bool, picture: Image.Image) -> Any:
    import av
    import numpy as np

    plain = picture.convert("RGBA") if clear else on_white(picture)
    return av.VideoFrame.from_ndarray(np.asarray(plain), format="rgba" if clear else "rgb24")


class _Moving:
    """Through PyAV, into a file of one stream. `of`: makes its kind of frame of a picture."""

    def __init__(
        self, path: Path, size: tuple[int, int], kind: str, format: str, tick: Fraction,
        of: Callable[[Image.Image], Any], about: dict[str, str], codec: str = "", options: dict[str, str] | None = None,
    ) -> None:  # fmt: skip
        import av

        self.note, self._of, self._tick, self._last, self._lasts = "", of, tick, -1, 1
        self._file = cast(Any, av.open(str(path), "w", format=kind, options=about))
        self._stream = self._file.add_stream(codec or kind, 25, options=options or {})
        self._stream.codec_context.time_base = self._stream.time_base = tick
        self._stream.width, self._stream.height, self._stream.pix_fmt = *size, format

    def show(self, frame: Frame) -> None:
        made = self._of(frame.picture)
        self._last = max(round(frame.at / self._tick), self._last + 1)  # two of one time would not be written
        made.pts, made.time_base = self._last, self._tick
        made.duration = self._lasts = max(1, round(frame.lasts / self._tick))
        self._file.mux(self._stream.encode(made))

    def hear(self, piece: Sound) -> None:
        """There is none."""

    def close(self) -> None:
        for packet in self._stream.encode():
            if packet.pts == self._last:  # of which the encoder forgets how long it is shown
                packet.duration = self._lasts
            self._file.mux(packet)
        self._file.close()


class _Film(_Moving):
    """H.264 in MP4, and the sound as it was where MP4 can hold it."""

    def __init__(self, path: Path, size: tuple[int, int], sound: Any) -> None:
        # Nearly nothing is lost; and the last frame comes last, which says how long the film is.
        options = {"crf": "18", "preset": "veryfast", "bf": "0"}
        super().__init__(path, size, "mp4", "yuv420p", Fraction(1, 90_000), _in_yuv, {}, "libx264", options)
        about = self._stream.codec_context
        about.color_primaries = about.color_trc = about.colorspace = BT709
        about.color_range = LIMITED
        self._copied = self._encoded = None
        if sound is None:
            return
        name = sound.codec_context.name
        try:
            if name in KEPT_SOUND:
                self._copied = self._file.add_stream_from_template(sound)
            else:
                self._encoded = self._file.add_stream("aac", sound.codec_context.sample_rate)
                self.note = f"Its sound was {name}, which MP4 cannot hold; it is AAC now."
        except Exception:
            self.note = "Its sound could not be kept."

    def hear(self, piece: Sound) -> None:
        if self._copied is not None:
            piece.packet.stream = self._copied
            self._file.mux(piece.packet)
        elif self._encoded is not None:
            with contextlib.suppress(Exception):  # damage in the sound costs that piece only
                for frame in piece.packet.decode():
                    frame.pts = None
                    self._file.mux(self._encoded.encode(frame))

    def close(self) -> None:
        if self._encoded is not None:
            with contextlib.suppress(Exception):
                self._file.mux(self._encoded.encode())
        super().close()


def _in_yuv(picture: Image.Image) -> Any:
    from av.video.reformatter import Colorspace

    return _plain(False, picture).reformat(format="yuv420p", dst_colorspace=Colorspace.ITU709)


class _WebP:
    """By Pillow's own encoder, which it calls with all frames at once; PyAV's forgets what is see-through."""

    def __init__(self, path: Path, size: tuple[int, int], clear: bool, plays: int) -> None:
        from PIL import _webp

        self.note, self._path, self._mode, self._end = "", path, "RGBA" if clear else "RGB", 0
        # Background, loops, size before speed, key frames at least and at most so far apart, lossless ones too, talk.
        self._encoder = _webp.WebPAnimEncoder(size, 0, plays, False, 3, 5, False, False)

    def show(self, frame: Frame) -> None:
        picture = frame.picture.convert("RGBA") if self._mode == "RGBA" else on_white(frame.picture)
        # Not lossless, quality, of what is see-through, method.
        self._encoder.add(picture.getim(), round(1000 * frame.at), False, 85, 100, 3)
        self._end = round(1000 * (frame.at + frame.lasts))

    def hear(self, piece: Sound) -> None:
        """There is none."""

    def close(self) -> None:
        self._encoder.add(None, self._end, False, 85, 100, 0)
        self._path.write_bytes(self._encoder.assemble("", b"", b""))


THRESHOLDS = (0, 8, 2, 10, 12, 4, 14, 6, 3, 11, 1, 9, 15, 7, 13, 5)  # Bayer's order of 4 x 4
STEPS = 24  # of 255: as far apart as colours of a palette are, about


class _Palette:
    """255 colours for all frames of a GIF, as with some of its own each would flicker; between them a fixed pattern
    mixes, for one that spreads errors changes all over when something moves."""

    def __init__(self, picture: Image.Image, clear: bool) -> None:
        import numpy as np

        self._clear = clear
        self._of = picture.convert("RGB").quantize(255, dither=Image.Dither.NONE)
        colours = np.frombuffer(bytes(self._of.getpalette() or ())[: 3 * 255], np.uint8).reshape(-1, 3)
        self._table = np.zeros((256, 4), np.uint8)  # opacity, red, green, blue
        self._table[: len(colours), 1:] = colours
        self._table[: 255 if clear else 256, 0] = 255
        pattern = (np.array(THRESHOLDS, np.float32).reshape(4, 4) + 0.5) / 16 - 0.5
        self._pattern = (STEPS * pattern)[:, :, None]

    def frame(self, picture: Image.Image) -> Any:
        import av
        import numpy as np

        pixels = np.asarray(picture.convert("RGB"), np.float32)
        height, width = pixels.shape[:2]
        pattern = np.tile(self._pattern, (-(-height // 4), -(-width // 4), 1))[:height, :width]
        mixed = Image.fromarray((pixels + pattern).round().clip(0, 255).astype(np.uint8))
        indices = np.asarray(mixed.quantize(palette=self._of, dither=Image.Dither.NONE)).copy()
        if self._clear and picture.mode == "RGBA":
            indices[np.asarray(picture.getchannel("A")) < 128] = 255
        both: Any = (indices, self._table)
        return av.VideoFrame.from_ndarray(both, format="pal8")
