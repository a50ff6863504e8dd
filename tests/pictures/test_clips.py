"""Clips in, clips out: every kind, with its times and its sound, odd ones, and those that are damaged or none."""

import dataclasses
import shutil
import tempfile
import tracemalloc
from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image, ImageDraw

from core.errors import UserError
from core.pictures import clips, film, images
from core.visitors import policy

LASTS = [100, 50, 200, 100, 100, 300]  # ms, of the frames of `moving`
SHOWN = [0, 50, 80, 120, 170, 220, 240, 300]  # ms, when those of `video` come


def frames(count: int, size: tuple[int, int]) -> list[Image.Image]:
    """A ball on blue, going to the right."""
    pictures = [Image.new("RGB", size, (40, 90, 160)) for _ in range(count)]
    for k, picture in enumerate(pictures):
        ImageDraw.Draw(picture).ellipse((4 + 5 * k, 10, 20 + 5 * k, 26), fill=(230, 180, 40))
    return pictures


def moving(path, size=(65, 49), clear=False):
    first, *more = frames(len(LASTS), size)
    if clear:
        for picture in (first, *more):
            picture.putalpha(Image.linear_gradient("L").resize(size).point(lambda level: 255 * (level > 127)))
    options = {"disposal": 2} if path.suffix == ".gif" else {"lossless": True} if path.suffix == ".webp" else {}
    first.save(path, save_all=True, append_images=more, duration=LASTS, loop=0, **options)
    return path


def video(path, codec="libx264", sound="aac", size=(64, 48)):
    with av.open(str(path), "w") as file:
        stream = file.add_stream(codec, 24, options={"g": "2"})
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        heard = file.add_stream(sound, 48_000) if sound else None
        for at, picture in zip(SHOWN, frames(len(SHOWN), size), strict=True):
            frame = av.VideoFrame.from_image(picture)
            frame.pts, frame.time_base = at, Fraction(1, 1000)
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
        if heard:
            tone = (9000 * np.sin(np.arange(16_384) / 20)).astype(np.int16)[None]
            frame = av.AudioFrame.from_ndarray(tone, format="s16", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = 48_000, 0, Fraction(1, 48_000)
            file.mux(heard.encode(frame))
            file.mux(heard.encode())
    return path


def mirrored(source, target, most=None, stop_after=None) -> clips.Clip:
    longer = 64 if film.ending_of(source) == film.VIDEO else 65  # as `video` and `moving` are
    with clips.repainted(source, source.name, longer, target, most) as clip:
        for number, picture in enumerate(clip.pictures(images.grid(clip.samples, gap=0))):
            if number == stop_after:
                clip.end()
                break
            clip.put(picture.transpose(Image.Transpose.FLIP_TOP_BOTTOM))
    return clip


def times(path) -> list[int]:
    with av.open(str(path)) as file:
        return [round(1000 * frame.time) for frame in file.decode(video=0)]


def shown(path) -> tuple[str, list[int], list[Image.Image]]:
    with Image.open(path) as file:
        lasts, pictures = [], []
        for number in range(file.n_frames):
            file.seek(number)
            file.load()
            lasts.append(round(file.info["duration"]))
            pictures.append(file.convert("RGBA"))
        return file.format, lasts, pictures


@pytest.mark.slow
@pytest.mark.parametrize("ending", [".gif", ".webp", ".png"])
def test_what_moves_comes_out_as_the_same_kind_with_its_times(tmp_path, ending):
    source, target = moving(tmp_path / f"in{ending}"), tmp_path / f"out{ending}"
    assert film.moves(source)
    assert film.ending_of(source) == ending
    clip = mirrored(source, target)
    assert (clip.size, clip.frames, clip.seconds, clip.note) == ((65, 49), 6, 0.85, "")
    (kind, lasts, pictures), (wanted, _, before) = shown(target), shown(source)
    assert (kind, lasts, pictures[0].size) == (wanted, LASTS, (65, 49))
    for got, was in zip(pictures, before, strict=True):
        off = np.abs(np.asarray(got, float) - np.asarray(was.transpose(Image.Transpose.FLIP_TOP_BOTTOM), float))
        assert off.mean() < 6


@pytest.mark.slow
@pytest.mark.parametrize("ending", [".gif", ".webp", ".png"])
def test_what_is_see_through_stays_so(tmp_path, ending):
    source, target = moving(tmp_path / f"in{ending}", clear=True), tmp_path / f"out{ending}"
    mirrored(source, target)
    for picture in shown(target)[2]:
        clear = np.asarray(picture.getchannel("A")) < 128
        assert clear[30:].all()
        assert not clear[:20].any()


def test_still_parts_of_a_gif_keep_their_very_colours(tmp_path):
    mirrored(moving(tmp_path / "in.gif"), tmp_path / "out.gif")
    _, _, pictures = shown(tmp_path / "out.gif")
    for picture in pictures[1:]:
        np.testing.assert_array_equal(np.asarray(picture)[:20], np.asarray(pictures[0])[:20])


@pytest.mark.parametrize("ending", [".gif", ".webp", ".png"])
@pytest.mark.parametrize("plays", [0, 1, 3])
def test_it_is_shown_as_often_as_before(tmp_path, ending, plays):
    source, target = tmp_path / f"in{ending}", tmp_path / f"out{ending}"
    again = {} if ending == ".gif" and plays == 1 else {"loop": plays}
    first, *more = frames(3, (40, 40))
    first.save(source, save_all=True, append_images=more, duration=100, **again)
    mirrored(source, target)
    with Image.open(source) as before, Image.open(target) as after:
        assert after.info.get("loop") == before.info.get("loop") == again.get("loop")


@pytest.mark.parametrize("ending", [".gif", ".webp", ".png"])
def test_what_is_shown_more_often_than_can_be_written_is_shown_for_ever(tmp_path, ending):
    first, *more = frames(3, (40, 40))
    first.save(tmp_path / "in.png", save_all=True, append_images=more, duration=100, loop=100_000)
    mirrored(tmp_path / "in.png", tmp_path / f"out{ending}")
    with Image.open(tmp_path / f"out{ending}") as after:
        assert after.info["loop"] == 0


def test_a_film_of_slow_pictures_shows_the_last_as_long_as_the_others(tmp_path):
    first, *more = frames(4, (40, 40))
    first.save(tmp_path / "in.gif", save_all=True, append_images=more, duration=1500)
    mirrored(tmp_path / "in.gif", tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as film_of_it:
        stream = film_of_it.streams.video[0]
        assert float(stream.duration * stream.time_base) == pytest.approx(6.0)


@pytest.mark.parametrize("ending", [".gif", ".webp", ".png", ".mp4"])
def test_what_the_system_has_against_writing_is_told(tmp_path, monkeypatch, ending):
    """As a full disk for what is not ready yet."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()

    def without_its_folder():
        with clips.repainted(moving(tmp_path / "in.gif"), "in.gif", 64, tmp_path / f"out{ending}", None) as clip:
            shutil.rmtree(tmp_path / "temporary")
            (tmp_path / "temporary").mkdir()
            for picture in clip.pictures(clip.samples[0]):
                clip.put(picture)

    with pytest.raises(UserError, match=r"The painted clip could not be written to .*: there is no such folder"):
        without_its_folder()


@pytest.mark.slow
@pytest.mark.parametrize(("name", "codec", "sound", "kept"), [
    ("in.mp4", "libx264", "aac", "aac"), ("in.webm", "libvpx-vp9", "libopus", "opus"),
    ("in.mkv", "libx264", None, None),
])  # fmt: skip
def test_a_video_keeps_its_times_and_its_sound(tmp_path, name, codec, sound, kept):
    source = video(tmp_path / name, codec, sound)
    assert mirrored(source, tmp_path / "out.mp4").note == ""
    assert times(tmp_path / "out.mp4") == SHOWN
    with av.open(str(tmp_path / "out.mp4")) as file, av.open(str(source)) as before:
        assert [stream.codec_context.name for stream in file.streams.audio] == ([kept] if kept else [])
        if kept:
            packets, wanted = ([bytes(p) for p in each.demux(audio=0) if p.size] for each in (file, before))
            assert packets == wanted  # copied, not made anew


def test_a_video_is_upright(tmp_path):
    """As phones write them: the frames lie, and a matrix says how the phone was held."""
    source = video(tmp_path / "in.mp4", sound=None)
    one, zero, minus = (number.to_bytes(4, "big", signed=True) for number in (2**16, 0, -(2**16)))
    lying, held = one + 3 * zero + one, zero + one + zero + minus + zero  # a quarter, clockwise
    data = source.read_bytes()
    track = data.index(b"tkhd")
    source.write_bytes(data[:track] + data[track:].replace(lying, held, 1))
    with clips.repainted(source, "in.mp4", 512, tmp_path / "out.mp4", None) as clip:
        assert clip.size == (48, 64)
        ball = np.argwhere(np.asarray(clip.samples[0], int)[:, :, 0] > 150)
        assert ball.mean(0) == pytest.approx((12, 47 - 18), abs=3)  # at (12, 18) where the frames lie
        for picture in clip.pictures(clip.samples[0]):
            clip.put(picture)


def test_sound_that_mp4_cannot_hold_is_made_anew_and_said(tmp_path):
    note = mirrored(video(tmp_path / "in.mkv", sound="pcm_s16le"), tmp_path / "out.mp4").note
    assert note == "Its sound was pcm_s16le, which MP4 cannot hold; it is AAC now."
    with av.open(str(tmp_path / "out.mp4")) as file:
        assert file.streams.audio[0].codec_context.name == "aac"
        assert sum(frame.samples for frame in file.decode(audio=0)) >= 16_384


@pytest.mark.slow
def test_odd_sides_become_even_where_they_must_and_large_ones_small(tmp_path):
    assert mirrored(moving(tmp_path / "in.gif"), tmp_path / "out.mp4").size == (66, 50)
    with clips.repainted(tmp_path / "in.gif", "in.gif", 32, tmp_path / "small.gif", None) as clip:
        for picture in clip.pictures(clip.samples[0]):
            clip.put(picture)
    assert shown(tmp_path / "small.gif")[2][0].size == (32, 24)


@pytest.mark.parametrize(("size", "longer", "words"), [
    ((200, 2), 200, "The clip is 200 × 2, too small or narrow to be painted as it is; it was stretched to 200 × 16."),
    ((40, 30), 64, "It is as large as the clip is, 40 × 30."), ((40, 30), 40, ""), ((80, 60), 40, ""),
])  # fmt: skip
def test_a_size_that_was_not_asked_for_is_told(tmp_path, size, longer, words):
    first, second = (Image.new("RGB", size, colour) for colour in ("navy", "gold"))
    first.save(tmp_path / "in.gif", save_all=True, append_images=[second], duration=100)
    with clips.repainted(tmp_path / "in.gif", "in.gif", longer, tmp_path / "out.gif", None) as clip:
        for picture in clip.pictures(clip.samples[0]):
            clip.put(picture)
    assert clip.note == words


@pytest.mark.slow
@pytest.mark.parametrize("name", ["in.gif", "in.webp", "in.png", "in.mkv"])
def test_of_what_is_broken_in_the_middle_the_beginning_is_kept(tmp_path, name):
    source = (video if name == "in.mkv" else moving)(tmp_path / name)
    whole = source.read_bytes()
    source.write_bytes(whole[: len(whole) * 6 // 10])
    target = tmp_path / f"out{film.ending_of(source)}"
    clip = mirrored(source, target)
    assert 2 <= clip.frames < 8
    assert "The clip is damaged after 0." in clip.note
    assert len(times(target) if name == "in.mkv" else shown(target)[1]) == clip.frames


def test_what_is_stopped_is_what_there_was(tmp_path):
    clip = mirrored(video(tmp_path / "in.mp4"), tmp_path / "out.mp4", stop_after=3)
    assert clip.note == "Stopped after 3 of 8 frames."
    assert times(tmp_path / "out.mp4") == SHOWN[:3]


def test_a_frame_that_fails_leaves_no_file(tmp_path):
    source = moving(tmp_path / "in.gif")

    def fails():
        with clips.repainted(source, "in.gif", 64, tmp_path / "out.gif", None) as clip:
            next(clip.pictures(clip.samples[0]))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.gif"]


@pytest.mark.parametrize(("content", "words"), [
    (b"hello", r"clip.gif is text, not a clip that can be painted; use GIF"),
    (b"", r"is empty \(0 bytes\)"),
    (b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", "is text, not a clip"),  # a list of other files to open
    (b"ffconcat version 1.0\nfile /etc/passwd\n", "is text, not a clip"),
    (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", "is damaged, breaks off early"),
    (b"\x1aE\xdf\xa3" + b"\0" * 99, "is damaged, breaks off early"),
    (b"\xff\xd8\xff" + b"\0" * 99, "is a JPEG picture, which does not move; paint it as a photo"),
])  # fmt: skip
def test_what_is_no_clip_is_told(tmp_path, content, words):
    (tmp_path / "clip.gif").write_bytes(content)
    with pytest.raises(UserError, match=words):
        mirrored(tmp_path / "clip.gif", tmp_path / "out.gif")
    assert not (tmp_path / "out.gif").exists()


def test_a_clip_without_frames_or_with_one_is_told(tmp_path):
    with av.open(str(tmp_path / "sound.mp4"), "w") as file:
        stream = file.add_stream("aac", 48_000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.int16), format="s16", layout="mono")
        frame.sample_rate, frame.pts = 48_000, 0
        file.mux([*stream.encode(frame), *stream.encode()])
    frames(1, (40, 40))[0].save(tmp_path / "still.gif")
    assert not film.moves(tmp_path / "still.gif")
    for name, words in ("sound.mp4", "no pictures, only sound"), ("still.gif", "shows one picture only"), (
        "none.gif", "cannot be read"
    ):  # fmt: skip
        with pytest.raises(UserError, match=words):
            mirrored(tmp_path / name, tmp_path / "out.gif")


def test_whether_a_gif_moves_is_told_without_holding_it(tmp_path):
    """Every photo that is uploaded is asked, in the server's own process."""
    path = tmp_path / "long.gif"
    frames(1, (40, 40))[0].save(path)
    remark = b"\x21\xfe" + 16 * (b"\xff" + 255 * b"!") + b"\0"
    path.write_bytes(path.read_bytes().removesuffix(b";") + 1024 * remark + b";")
    tracemalloc.start()
    assert not film.moves(path)
    assert tracemalloc.get_traced_memory()[1] < 500_000 < path.stat().st_size
    tracemalloc.stop()


@pytest.mark.parametrize(("limits", "words"), [
    ({"clip_bytes": 100}, "can be painted here, so save it smaller"),
    ({"clip_seconds": 0.5}, "is longer than 0.5 seconds"),
    ({"picture_pixels": 1000}, "says it is 65 × 49 pixels"),
])  # fmt: skip
def test_where_strangers_come_clips_have_an_end(tmp_path, monkeypatch, limits, words):
    monkeypatch.setenv("GANVAS_PUBLIC", "1")
    monkeypatch.setattr(policy, "PUBLIC", dataclasses.replace(policy.PUBLIC, **limits))
    with pytest.raises(UserError, match=words):
        mirrored(moving(tmp_path / "in.gif"), tmp_path / "out.gif")


def test_ten_thousand_frames_are_not_looked_through(tmp_path):
    source = moving(tmp_path / "in.gif", size=(32, 32))
    data = source.read_bytes()
    body = data[data.index(b"\x21\xf9") : -1]
    source.write_bytes(data[: data.index(b"\x21\xf9")] + body * 1667 + b";")
    with pytest.raises(UserError, match="has more than 300 frames"):
        mirrored(source, tmp_path / "out.gif", most=300)


def test_what_takes_more_than_it_may_is_ended(tmp_path, monkeypatch):
    monkeypatch.setenv("GANVAS_PUBLIC", "1")
    monkeypatch.setattr(policy, "PUBLIC", dataclasses.replace(policy.PUBLIC, clip_processor=0.01))
    with pytest.raises(UserError, match="takes more memory or time to open than a clip may"):
        mirrored(moving(tmp_path / "in.gif"), tmp_path / "out.gif")
