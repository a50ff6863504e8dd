"""Animations as MP4: a tenth of a GIF's size, and what phones and editors take. Frames in, a film out; nothing is read.

Clips of others are `core.pictures.film`'s. Sizes, holding and loops are `core.pictures.images.animation`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import BinaryIO

from PIL import Image

BT709, LIMITED = 1, 1  # what H.264 calls these colours and this range; players guess when nothing is said


def write(frames: Sequence[Image.Image], seconds_per_frame: float, target: BinaryIO) -> None:
    """RGB frames of one size, both sides even, as H.264 in MP4 (4:2:0, which all players know)."""
    import av
    from av.video.reformatter import Colorspace

    with av.open(target, "w", format="mp4") as film:
        # crf 16: nearly nothing is lost. A key frame each second, so that one can jump about in it.
        every = max(1, round(1 / seconds_per_frame))
        stream = film.add_stream("libx264", Fraction(1 / seconds_per_frame).limit_denominator(1000),
                                 options={"crf": "16", "preset": "fast", "g": str(every)})  # fmt: skip
        stream.width, stream.height, stream.pix_fmt = *frames[0].size, "yuv420p"
        about = stream.codec_context
        about.color_primaries = about.color_trc = about.colorspace = BT709
        about.color_range = LIMITED
        for frame in frames:
            picture = av.VideoFrame.from_image(frame)
            film.mux(stream.encode(picture.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU709)))
        film.mux(stream.encode())
