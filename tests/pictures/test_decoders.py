"""Files made to harm whoever decodes them, each small: they cost one refused picture, and no more memory or time than
allowed. What was decoded, and how well, is in test_images.py."""

import io
import json
import os
import re
import struct
import subprocess
import sys
import threading
import zlib
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from PIL import Image

from core.errors import UserError
from core.pictures import decoders, images
from core.visitors import identity, policy
from support.raw_pictures import encoded, png_chunk, png_of, scene
from support.waiting import PATIENCE, until

ROOT = Path(__file__).parents[2]
MEMORY = 130_000_000  # bytes of one decoder here; a tenth of what is allowed in earnest, so that bombs can be small
TIGHT = {"decoder_bytes": MEMORY, "decoder_seconds": 1.0}


def heif(picture: Image.Image) -> bytes:
    pillow_heif = pytest.importorskip("pillow_heif")
    file = io.BytesIO()
    pillow_heif.from_pillow(picture).save(file, quality=10)
    return file.getvalue()


def tiff(entries: list[tuple[int, int, int, int]], data: bytes) -> bytes:
    """One directory of (tag, type, count, value), and data after it, which tag 273's value is made to point to."""
    at = 8 + 2 + 12 * len(entries) + 4
    made = b"".join(struct.pack("<HHII", tag, kind, count, at if tag in (273, 324) else value)
                    for tag, kind, count, value in sorted(entries))  # fmt: skip
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + made + bytes(4) + data


PLAIN_TIFF = [(256, 4, 1, 8), (257, 4, 1, 8), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (273, 4, 1, 0),
              (277, 3, 1, 1), (278, 4, 1, 8), (279, 4, 1, 64)]  # fmt: skip


def all_tags_at_the_whole_file() -> bytes:
    """2000 tags of 700 kB, all of the same bytes: 1.4 GB."""
    return tiff(PLAIN_TIFF + [(300 + i, 1, 700_000, 0) for i in range(2000)], bytes(700_000))


def one_huge_tile() -> bytes:
    """8 × 8 pixels, cut out of a tile of 12,000 × 12,000."""
    packed = zlib.compress(bytes(12_000 * 12_000 * 3))
    return tiff([(256, 4, 1, 8), (257, 4, 1, 8), (258, 3, 1, 8), (259, 3, 1, 8), (262, 3, 1, 2), (277, 3, 1, 3),
                 (322, 4, 1, 12_000), (323, 4, 1, 12_000), (324, 4, 1, 0), (325, 4, 1, len(packed)),
                 ], packed)  # fmt: skip


def a_comment_without_end() -> bytes:
    """PIL joins its blocks one by one: 18 MB take minutes."""
    plain = encoded(scene(8, 8), "GIF")
    return plain[:6] + struct.pack("<HHBBB", 8, 8, 0, 0, 0) + b"!\xfe" + (b"\xff" + b"c" * 255) * 70_000 + b"\0"


def a_thousand_passes() -> bytes:
    """A progressive JPEG's last pass over its 9 million pixels, again and again."""
    data = encoded(Image.new("L", (3000, 3000), 128), "JPEG", progressive=True)
    return data[:-2] + data[data.rindex(b"\xff\xda") : -2] * 4000 + data[-2:]


def metadata_in_tiny_parts() -> bytes:
    data = encoded(scene(), "JPEG")
    return data[:2] + b"\xff\xe1\x00\x0aExif\0\0ab" * 400_000 + data[2:]


BOMBS = {
    "tags.tif": all_tags_at_the_whole_file,
    "tile.tif": one_huge_tile,
    "comment.gif": a_comment_without_end,
    "passes.jpg": a_thousand_passes,
    "parts.jpg": metadata_in_tiny_parts,
    "flat.png": lambda: encoded(Image.new("RGBA", (5000, 5000), (1, 2, 3, 4)), "PNG"),
    "flat.webp": lambda: encoded(Image.new("RGBA", (5000, 5000), (1, 2, 3, 4)), "WEBP", lossless=True, method=0),
    "flat.gif": lambda: encoded(Image.new("P", (5000, 5000), 3), "GIF"),
    "float.tif": lambda: encoded(Image.new("F", (5000, 5000)), "TIFF", compression="tiff_adobe_deflate"),
    "flat.avif": lambda: encoded(Image.new("RGB", (3000, 3000)), "AVIF", speed=10),
    "flat.heic": lambda: heif(Image.new("RGB", (3000, 3000))),
}

# What came of it, and the most memory that this process and its children took.
OPENED = f"""
import dataclasses, json, resource, sys
from core.pictures import decoders, images
from core.visitors import policy
from core.errors import UserError
policy.PUBLIC = dataclasses.replace(policy.PUBLIC, **{TIGHT!r})
images.open_picture(sys.argv[2])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    said = str(images.open_picture(sys.argv[1]).size)
except UserError as error:
    said = str(error)
decoders.end()
most = [resource.getrusage(who).ru_maxrss * 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
print(json.dumps([said, most[0] - before * 1024, most[1]]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_costs_one_picture(tmp_path, name):
    path, honest = tmp_path / name, tmp_path / "honest.png"
    path.write_bytes(BOMBS[name]())
    honest.write_bytes(encoded(scene(), "PNG"))
    assert path.stat().st_size < policy.PUBLIC.picture_bytes
    done = subprocess.run(
        [sys.executable, "-c", OPENED, str(path), str(honest)], cwd=ROOT, env={**os.environ, "GANVAS_PUBLIC": "1"},
        capture_output=True, text=True, timeout=PATIENCE,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said, grown, most = json.loads(done.stdout)
    assert re.match(
        rf"{name} (takes more memory or time to open than a picture may|is a \w+ picture that is damaged)", said
    )
    assert grown < 30_000_000, "the process that asked"
    assert most < MEMORY + 100_000_000, "the one that decoded; its code does not count"


@pytest.fixture
def tight(monkeypatch):
    monkeypatch.setattr(policy, "PRIVATE", replace(policy.PRIVATE, **TIGHT, decoders=1))
    decoders.end()
    yield
    decoders.end()


@pytest.mark.slow
def test_after_a_bomb_the_next_picture_opens(tight):
    with pytest.raises(UserError, match="more memory or time"):
        images.open_picture(BOMBS["flat.png"]())
    assert images.open_picture(encoded(scene(), "PNG")).size == (96, 64)


def test_metadata_that_asks_for_gigabytes_does_not_cost_the_picture(tight):
    """16,000 EXIF tags of 20 kB in 200 kB."""
    exif = tiff([(300 + i, 1, 20_000, 8) for i in range(16_000)], bytes(20_000))
    picture = png_of(1, 1, rows=b"\0abc", extra=png_chunk(b"eXIf", exif))
    assert images.open_picture(picture).size == (1, 1)


@pytest.mark.slow
@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG"])
def test_of_three_thousand_frames_one_is_decoded(tight, format):
    frames = [Image.new("RGB", (16, 16), (i % 256, i // 256, 0)) for i in range(3000)]
    data = encoded(frames[0], format, save_all=True, append_images=frames[1:], duration=10)
    assert images.open_picture(data).size == (16, 16)


@pytest.mark.parametrize("format", ["AVIF", "HEIF"])
def test_a_phones_picture_that_says_it_is_huge_is_refused_by_its_header(format):
    data = bytearray(heif(scene()) if format == "HEIF" else encoded(scene(), format))
    place = data.index(b"ispe") + 8
    data[place : place + 8] = struct.pack(">II", 60_000, 60_000)
    with pytest.raises(UserError, match=r"60000 × 60000|damaged"):
        images.open_picture(bytes(data))


def test_only_so_many_are_decoded_at_once(monkeypatch):
    monkeypatch.setattr(policy, "PRIVATE", replace(policy.PRIVATE, decoders=2))
    data, most = encoded(scene(), "PNG"), []
    asked = decoders._asked

    def counted(*args):
        most.append(len(decoders._busy))
        until(lambda: len(decoders._busy) == 2 or len(most) == 12)  # the next one is there, or none is left
        return asked(*args)

    monkeypatch.setattr(decoders, "_asked", counted)
    opening = [threading.Thread(target=images.open_picture, args=(data,)) for _ in range(12)]
    for thread in opening:
        thread.start()
    for thread in opening:
        thread.join()
    assert max(most) == 2
    assert len(most) == 12


def test_a_process_that_is_ended_decodes_nothing_more():
    """Though it had just answered, and seems alive for a moment."""
    with decoders._process("the last one") as process:
        decoders.end()
    assert process not in decoders._idle
    assert process.returncode is not None


@pytest.mark.parametrize(("limits", "words"), [
    ({"decoder_wait": 0.05}, "photo.png waited 0.05 seconds for its turn"),
    ({"decoder_line": 0}, "photo.png has to wait"),
])  # fmt: skip
def test_a_wait_that_is_too_long_is_said(monkeypatch, limits, words):
    monkeypatch.setattr(policy, "PRIVATE", replace(policy.PRIVATE, decoders=1, **limits))
    with decoders._process("another"), pytest.raises(UserError, match=words):
        images.open_picture(encoded(scene(), "PNG"), name="photo.png")


def test_whoever_waits_is_served_when_the_place_is_free(monkeypatch):
    monkeypatch.setattr(policy, "PRIVATE", replace(policy.PRIVATE, decoders=1))
    found = []
    with decoders._process("another"):
        waiting = threading.Thread(target=lambda: found.append(images.open_picture(encoded(scene(), "PNG"))))
        waiting.start()
        while not decoders._line:
            pass
        assert not found
    waiting.join()
    assert found[0].size == (96, 64)


def at(address: str):
    return identity.asking(identity.Visitor("a" * 64, address, address))


def test_addresses_take_turns(monkeypatch):
    """Six pictures from one address are in the line before one from another, which is next all the same."""
    monkeypatch.setenv("GANVAS_PUBLIC", "1")
    monkeypatch.setattr(policy, "PUBLIC", replace(policy.PUBLIC, decoders=2))
    order, go = [], threading.Event()

    def turn(address: str) -> None:
        with at(address), decoders._process("photo.png"):
            order.append(address)
            go.wait(PATIENCE)

    threads = [threading.Thread(target=turn, args=[address]) for address in [*["many"] * 6, "one"]]
    with at("busy"), decoders._process("another"):  # so that places become free one by one
        for waiting, thread in enumerate(threads, 2):
            thread.start()
            while len(decoders._line) + len(decoders._busy) < waiting or not order:
                go.wait(0.01)
        go.set()
        for thread in threads:
            thread.join()
    assert order == ["many", "one", *["many"] * 5]
    assert not decoders._served


def test_one_address_cannot_have_the_whole_line(monkeypatch):
    monkeypatch.setenv("GANVAS_PUBLIC", "1")
    monkeypatch.setattr(policy, "PUBLIC", replace(policy.PUBLIC, decoders=2, decoder_line_address=1))
    with at("many"), decoders._process("another"):
        with pytest.raises(UserError, match="1 pictures from your network"):
            images.open_picture(encoded(scene(), "PNG"))
        with at("one"):
            assert images.open_picture(encoded(scene(), "PNG")).size == (96, 64)


def test_a_decoder_knows_no_secret(monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    decoders.end()
    with decoders._process("a picture") as process:
        assert "HF_TOKEN" not in psutil.Process(process.pid).environ()


def test_a_decoder_that_is_gone_is_replaced():
    with decoders._process("a picture") as process:
        pass
    process.kill()
    process.wait()
    assert images.open_picture(encoded(scene(), "PNG")).size == (96, 64)


def test_a_defect_is_no_users_error(monkeypatch):
    with pytest.raises(RuntimeError, match="Traceback"):
        images.open_picture(encoded(scene(), "PNG"), max_pixels="many")
    assert images.open_picture(encoded(scene(), "PNG")).size == (96, 64)
