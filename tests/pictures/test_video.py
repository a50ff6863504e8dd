"""Animations as MP4: as many frames as were given, in their colours, for as long as was asked."""

import io

import av
import numpy as np
import pytest
from PIL import Image

from core.pictures import images
from support.pictures import scene, texture


def decoded(data: bytes) -> tuple[list[np.ndarray], av.video.stream.VideoStream]:
    with av.open(io.BytesIO(data)) as film:
        (stream,) = film.streams.video
        return [frame.to_ndarray(format="rgb24").astype(int) for frame in film.decode(stream)], stream


def test_the_frames_are_the_pictures():
    frames = [Image.blend(scene(96, 64), texture(96, 64), share) for share in (0, 0.3, 0.6, 1)]
    file = io.BytesIO()
    images.animation(frames, file, seconds_per_frame=0.05, hold_last=0.2, format="mp4")
    got, stream = decoded(file.getvalue())
    assert len(got) == 3 + 4  # the last is held
    assert stream.codec_context.name == "h264"
    assert stream.codec_context.pix_fmt == "yuv420p"
    assert float(stream.average_rate) == 20
    assert float(stream.duration * stream.time_base) == pytest.approx(0.35)
    for index, frame in enumerate(got):
        far = [np.abs(frame - np.asarray(picture, int)).mean() for picture in frames]
        assert np.argmin(far) == min(index, 3)
        assert min(far) < 8  # the pictures are noisy, and colours are kept for two by two pixels


def test_plain_colours_stay_what_they_are():
    colours = ["red", "lime", "blue", "white", "black", (200, 120, 40)]
    file = io.BytesIO()
    images.animation([Image.new("RGB", (64, 64), c) for c in colours], file, hold_last=0.1, format="mp4")
    for frame, colour in zip(decoded(file.getvalue())[0], colours, strict=True):
        assert np.abs(frame - np.asarray(Image.new("RGB", (64, 64), colour), int)).max() <= 4


def test_odd_sides_and_see_through_ones(tmp_path):
    path = tmp_path / "way.mp4"
    images.animation([Image.new("RGBA", (33, 21), (0, 0, 0, 0))] * 2, path, format="mp4")
    got, _ = decoded(path.read_bytes())
    assert got[0].shape == (22, 34, 3)
    assert got[0].min() > 250
    assert list(tmp_path.iterdir()) == [path]
