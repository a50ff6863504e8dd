"""Decoding is no stricter and no darker than in browsers: what is hurt where it does not matter opens all the same."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms, PngImagePlugin

from core.errors import UserError
from core.pictures import images
from support.raw_pictures import encoded, png_chunk, png_of, scene

HEAD = 8 + 25  # of a PNG: its signature and IHDR


def differ(a, b):
    return int(np.abs(np.asarray(a, int) - np.asarray(b, int)).max())


def with_chunk(chunk: bytes, *, last: bool = False) -> bytes:
    data = encoded(scene(), "PNG")
    place = len(data) - 12 if last else HEAD
    return data[:place] + chunk + data[place:]


def wrong(chunk: bytes) -> bytes:
    return chunk[:-1] + bytes([chunk[-1] ^ 1])


# ---------------------------------------------------------------- PNG

LONG = b"x" * 3_000_000
ACCOMPANY = {
    "text": png_chunk(b"tEXt", b"note\0" + LONG),
    "packed text": png_chunk(b"zTXt", b"note\0\0" + zlib.compress(LONG)),
    "international text": png_chunk(b"iTXt", b"note\0\1\0\0\0" + zlib.compress(LONG)),
    "profile": png_chunk(b"iCCP", b"big\0\0" + zlib.compress(LONG)),
    "profile that is none": png_chunk(b"iCCP", b"big\0\0 not packed"),
    "wrong checksum": wrong(png_chunk(b"tEXt", b"note\0short")),
    "wrong checksum of a profile": wrong(png_chunk(b"iCCP", b"a\0\0" + zlib.compress(b"x" * 200))),
    "short density": png_chunk(b"pHYs", b"\0"),
    "empty gamma": png_chunk(b"gAMA", b""),
    "empty rendering": png_chunk(b"sRGB", b""),
    "half an animation": png_chunk(b"acTL", struct.pack(">II", 5, 0)) + png_chunk(b"fcTL", b"\0" * 26),
    "frames without number": png_chunk(b"acTL", b"\0\0\0\0"),
    "nothing that is see-through": png_chunk(b"tRNS", b"\0"),
    "of somebody's own": png_chunk(b"prVt", LONG),
}


@pytest.mark.parametrize("last", [False, True], ids=["before", "behind"])
@pytest.mark.parametrize("kind", ACCOMPANY)
def test_what_only_accompanies_a_png_does_not_cost_the_picture(kind, last):
    assert differ(images.open_picture(with_chunk(ACCOMPANY[kind], last=last)), scene()) == 0


def test_a_recipe_is_read_beside_what_is_left_out():
    chunks = PngImagePlugin.PngInfo()
    chunks.add_itxt("ganvas", '{"seed": 7}')
    data = encoded(scene(), "PNG", pnginfo=chunks)
    data = data[:HEAD] + ACCOMPANY["text"] + ACCOMPANY["wrong checksum"] + data[HEAD:]
    assert images.read_recipe(data) == {"seed": 7}


def test_a_png_whose_own_data_is_damaged_is_refused():
    noise = Image.effect_noise((64, 64), 90)
    data = bytearray(encoded(noise, "PNG"))
    data[len(data) // 2] ^= 255
    with pytest.raises(UserError, match="damaged"):
        images.open_picture(bytes(data))


def test_a_png_whose_sum_is_wrong_opens_as_in_browsers():
    rows = b"".join(b"\0" + bytes([y, 40, 80]) * 16 for y in range(16))
    packed = zlib.compress(rows)
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 16, 16, 8, 2, 0, 0, 0))
    data = png_chunk(b"IDAT", packed[:9]) + png_chunk(b"IDAT", packed[9:-4] + b"sums") + png_chunk(b"IDAT", b"")
    picture = images.open_picture(b"\x89PNG\r\n\x1a\n" + header + data + png_chunk(b"IEND", b""))
    assert [picture.getpixel((3, y)) for y in (0, 15)] == [(0, 40, 80), (15, 40, 80)]


@pytest.mark.parametrize("missing", [1, 4, 8, 12])
def test_a_png_without_its_end(missing):
    assert differ(images.open_picture(encoded(scene(), "PNG")[:-missing]), scene()) == 0


@pytest.mark.parametrize(("gamma", "shown"), [(1.0, 188), (0.45455, 128), (0.55, 145)])
def test_the_gamma_of_a_png_is_applied(gamma, shown):
    grey = Image.new("RGB", (8, 8), (128,) * 3)
    chunk = png_chunk(b"gAMA", struct.pack(">I", round(gamma * 100_000)))
    data = encoded(grey, "PNG")
    assert abs(images.open_picture(data[:HEAD] + chunk + data[HEAD:]).getpixel((0, 0))[0] - shown) <= 2
    standard = chunk + png_chunk(b"sRGB", b"\0")  # says that gamma is only for old programs
    assert images.open_picture(data[:HEAD] + standard + data[HEAD:]).getpixel((0, 0))[0] == 128


# ---------------------------------------------------------------- JPEG


def photo() -> Image.Image:
    y, x = np.mgrid[:240, :320]
    waves = [128 + 90 * np.sin(x / (9 + k) + y / (14 - k)) for k in range(3)]
    return Image.fromarray(np.stack(waves, -1).astype(np.uint8))


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("missing", [1, 2, 3, 20])
def test_a_jpeg_without_its_last_bytes_is_as_good_as_whole(missing, progressive):
    data = encoded(photo(), "JPEG", quality=90, progressive=progressive)
    cut, whole = images.open_picture(data[:-missing]), images.open_picture(data)
    same = (np.asarray(cut) == np.asarray(whole)).all(-1).mean()
    assert same == 1 if missing <= 2 else same > 0.9


@pytest.mark.parametrize("part", [0.3, 0.6, 0.9])
def test_a_jpeg_cut_in_the_middle_is_refused(part):
    data = encoded(photo(), "JPEG", quality=90)
    with pytest.raises(UserError, match="breaks off early"):
        images.open_picture(data[: int(part * len(data))])


def test_a_jpeg_without_end_is_turned_and_reduced_like_others():
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = images.open_picture(encoded(photo(), "JPEG", exif=exif)[:-2], max_pixels=20_000)
    assert picture.height > picture.width
    assert picture.width * picture.height <= 20_000


# ---------------------------------------------------------------- bits


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_fewer_bits_in_sixteen_are_from_dark_to_light(bits, format):
    ramp = np.tile(np.linspace(0, 2**bits - 1, 256), (8, 1))
    grey = images.open_picture(encoded(Image.fromarray(np.rint(ramp).astype(np.uint16)), format))
    assert differ(grey.getchannel(0), np.tile(np.arange(256), (8, 1))) <= 1


def tiff_of(values: np.ndarray, order: str) -> bytes:
    """An RGB or RGBA TIFF of 16 bits, from uint16 [H, W, channels]; PIL writes none."""
    height, width, channels = values.shape
    entries = [(256, 4, 1, width), (257, 4, 1, height), (258, 3, channels, None), (259, 3, 1, 1), (262, 3, 1, 2)]
    entries += [(273, 4, 1, None), (277, 3, 1, channels), (278, 4, 1, height), (279, 4, 1, values.size * 2)]
    entries += [(338, 3, 1, 2)] if channels == 4 else []
    begin = 8 + 2 + 12 * len(entries) + 4
    data = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}IH", 8, len(entries))
    for tag, kind, count, value in entries:
        value = {258: begin, 273: begin + 2 * channels}.get(tag, value)
        inline = struct.pack(f"{order}HH", value, 0) if kind == 3 and count == 1 else struct.pack(f"{order}I", value)
        data += struct.pack(f"{order}HHI", tag, kind, count) + inline
    data += b"\0" * 4 + struct.pack(f"{order}{channels}H", *[16] * channels)
    return data + values.astype(f"{order}u2").tobytes()


@pytest.mark.parametrize("bits", [10, 12, 14, 16])
@pytest.mark.parametrize("kind", ["png", "png, see-through", "tiff <", "tiff >", "tiff, see-through"])
def test_colours_of_fewer_bits_in_sixteen_too(bits, kind):
    ramp = np.rint(np.linspace(0, 2**bits - 1, 256)).astype(np.uint16)
    bands = [ramp, ramp[::-1], np.full_like(ramp, 5)]
    bands += [np.full_like(ramp, 40_000)] if "through" in kind else []
    values = np.stack(bands, -1)[None].repeat(4, 0)
    if kind.startswith("png"):
        rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
        data = png_of(256, 4, bits=16, colour=6 if "through" in kind else 2, rows=rows)
    else:
        data = tiff_of(values, ">" if ">" in kind else "<")
    picture = images.open_picture(data)
    assert differ(picture.getchannel("R"), np.tile(np.arange(256), (4, 1))) <= 1
    assert differ(picture.getchannel("G"), np.tile(np.arange(256)[::-1], (4, 1))) <= 1
    if "through" in kind:
        assert abs(picture.getpixel((9, 0))[3] - 156) <= 1


@pytest.mark.parametrize("bits", [10, 12, 14, 16])
def test_see_through_grey_of_fewer_bits_in_sixteen_too(bits):
    ramp = np.rint(np.linspace(0, 2**bits - 1, 256))
    rows = (b"\0" + np.stack([ramp, np.full_like(ramp, 40_000)], -1).astype(">u2").tobytes()) * 4
    picture = images.open_picture(png_of(256, 4, bits=16, colour=4, rows=rows))
    assert differ(picture.getchannel("G"), np.tile(np.arange(256), (4, 1))) <= 1
    assert abs(picture.getpixel((9, 0))[3] - 156) <= 1


def test_one_of_65536_greys_that_is_see_through():
    rows = b"\0" + np.array([1000, 1001, 65535], ">u2").tobytes()
    data = png_of(3, 1, bits=16, colour=0, rows=rows, extra=png_chunk(b"tRNS", struct.pack(">H", 1001)))
    picture = images.open_picture(data)
    assert [picture.getpixel((x, 0))[3] for x in range(3)] == [255, 0, 255]


# ---------------------------------------------------------------- raw files


def tiff_with(**tags: int) -> bytes:
    """A small picture in the first directory of a TIFF, with these tags: `t254` for tag 254."""
    more = "".join(tags)
    directory = Image.Exif()
    for name, value in tags.items():
        directory[int(name[1:])] = value
    assert more
    return encoded(scene(), "TIFF", tiffinfo=directory)


@pytest.mark.parametrize("tags", [{"t254": 1}, {"t50706": b"\1\4\0\0"}], ids=["a preview first", "DNG"])
def test_a_cameras_raw_file_is_not_taken_for_its_preview(tags):
    with pytest.raises(UserError, match=r"shot\.tif is a camera's raw file"):
        images.open_picture(tiff_with(**tags), name="shot.tif")


def test_a_sensors_mosaic_is_a_raw_file():
    data = encoded(scene(mode="L"), "TIFF")
    place = data.index(struct.pack("<HHI", 262, 3, 1)) + 8
    with pytest.raises(UserError, match="is a camera's raw file"):
        images.open_picture(data[:place] + struct.pack("<H", 32803) + data[place + 2 :])


@pytest.mark.parametrize(("colours", "raw"), [(32803, True), (34892, True), (2, False)])
def test_a_sensors_mosaic_within_another_picture_s_directory_is_a_raw_file(colours, raw):
    data = tiff_with(t65000=7_654_321)
    place = data.index(struct.pack("<I", 7_654_321)) - 8
    data = data[:place] + struct.pack("<HHII", 330, 4, 1, len(data)) + data[place + 12 :]
    data += struct.pack("<H", 1) + struct.pack("<HHIHH", 262, 3, 1, colours, 0) + bytes(4)
    if raw:
        with pytest.raises(UserError, match="is a camera's raw file"):
            images.open_picture(data)
    else:
        assert differ(images.open_picture(data), scene()) == 0


def test_a_tiff_of_several_pages_is_no_raw_file():
    data = encoded(scene(), "TIFF", save_all=True, append_images=[scene(48, 32)])
    assert images.open_picture(data).size == (96, 64)


# ---------------------------------------------------------------- animations


@pytest.mark.parametrize("first", ["white", "black", (0, 0, 0, 0)])
@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG"])
def test_a_blank_first_frame_is_not_the_picture(format, first):
    blank = Image.new("RGBA", (96, 64), first)
    frames = [blank.copy(), scene(mode="RGBA")]
    data = encoded(blank, format, save_all=True, append_images=frames, duration=[100, 200, 300], lossless=True)
    picture = images.on_white(images.open_picture(data))
    assert np.abs(np.asarray(picture, int) - np.asarray(scene(), int)).mean() < 12


def test_a_first_frame_is_blank_although_it_is_not_all_one_value():
    grain = np.random.default_rng(0).integers(250, 254, (64, 96, 3), np.uint8)
    data = encoded(Image.fromarray(grain), "WEBP", save_all=True, append_images=[scene()], lossless=True)
    assert differ(images.open_picture(data), scene()) == 0


def test_an_animation_of_blank_frames_is_its_first():
    blanks = [Image.new("RGB", (96, 64), colour) for colour in ("navy", "white", "black")]
    data = encoded(blanks[0], "WEBP", save_all=True, append_images=blanks[1:], lossless=True)
    assert images.open_picture(data).getpixel((5, 5)) == (0, 0, 128)


# ---------------------------------------------------------------- colours and shapes


def test_a_grey_profile_also_holds_where_the_grey_is_see_through():
    grey = ImageCms.ImageCmsProfile(io.BytesIO(grey_profile(1.0))).tobytes()
    picture = Image.new("LA", (8, 8), (64, 200))
    assert images.open_picture(encoded(Image.new("L", (8, 8), 64), "PNG", icc_profile=grey)).getpixel((0, 0))[0] > 120
    assert images.open_picture(encoded(picture, "PNG", icc_profile=grey)).getpixel((0, 0))[0] > 120


def grey_profile(gamma: float) -> bytes:
    """An ICC profile of one channel whose brightness is its value to the power of `gamma`."""
    curve = b"curv" + struct.pack(">IIH2x", 0, 1, round(gamma * 256))
    white = b"XYZ " + struct.pack(">I3i", 0, 63190, 65536, 54061)
    name = b"desc" + struct.pack(">II", 0, 5) + b"grey\0" + b"\0" * 79
    tags, begin = [(b"kTRC", curve), (b"wtpt", white), (b"desc", name)], 128 + 4 + 36
    table, body = struct.pack(">I", len(tags)), b""
    for sign, content in tags:
        table += sign + struct.pack(">II", begin + len(body), len(content))
        body += content + b"\0" * (-len(content) % 4)
    head = struct.pack(">I4sI4s4s4s", begin + len(body), b"lcms", 0x02400000, b"mntr", b"GRAY", b"XYZ ")
    head += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + b"\0" * 28 + struct.pack(">3i", 63190, 65536, 54061)
    return head.ljust(128, b"\0") + table + body


@pytest.mark.parametrize("size", [(4000, 1), (1, 4000), (3, 9000)])
@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "BMP"])
def test_very_narrow_pictures_open(size, format):
    picture = images.open_picture(encoded(Image.new("RGB", size, "teal"), format), max_pixels=2000)
    assert min(picture.size) >= 1
    assert picture.width * picture.height <= 2000


def test_a_picture_with_another_file_behind_it_is_the_picture():
    for format in ("PNG", "JPEG", "WEBP", "GIF"):
        data = encoded(scene(), format)
        assert differ(images.open_picture(data + b"PK\3\4" + bytes(500)), images.open_picture(data)) == 0


def test_an_interlaced_png_opens():
    # Adam7 by hand: 1 × 1 has one pass.
    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 1)
    data = b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header)
    data += png_chunk(b"IDAT", zlib.compress(b"\0\x80\x40\x20")) + png_chunk(b"IEND", b"")
    assert images.open_picture(data).getpixel((0, 0)) == (128, 64, 32)


@pytest.mark.parametrize(
    ("format", "missing"), [("GIF", 2), ("WEBP", 1), ("WEBP", 8), ("BMP", 1), ("BMP", 8), ("TIFF", 1), ("TIFF", 8)]
)
def test_other_formats_without_their_last_bytes_too(format, missing):
    data = encoded(photo(), format)
    cut, whole = images.open_picture(data[:-missing]), images.open_picture(data)
    assert (np.asarray(cut) == np.asarray(whole)).all(-1).mean() > 0.98
