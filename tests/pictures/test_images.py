"""Every kind of file a visitor may bring, made for real (`core.pictures.decode` through `core.pictures.images`);
recipes, finishing, sheets and time-lapses."""

from __future__ import annotations

import gzip
import io
import json
import lzma
import struct
import tarfile
import zipfile
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms, PngImagePlugin

from core.errors import UserError
from core.pictures import images
from core.visitors import policy
from support.raw_pictures import encoded, png_chunk, png_of, scene


def ramp(width=256, height=16):
    """Grey from 0 to 255, left to right."""
    return np.tile(np.linspace(0, 1, width, dtype=np.float64), (height, 1))


def refused(source, *words, **options):
    """The sentence with which this file is refused; it holds all of `words`."""
    with pytest.raises(UserError) as caught:
        images.open_picture(source, **options)
    sentence = str(caught.value)
    assert all(word in sentence for word in words), sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence
    return sentence


def differ(a, b):
    """The largest difference of any pixel of two pictures of one shape."""
    a, b = np.asarray(a, int), np.asarray(b, int)
    assert a.shape == b.shape
    return np.abs(a - b).max()


def quarters(picture):
    w, h = picture.size
    return [picture.getpixel((int(w * x), int(h * y))) for y in (0.2, 0.8) for x in (0.2, 0.8)]


# ---------------------------------------------------------------- what opens


def test_a_path_bytes_and_a_file_open_alike(tmp_path):
    data = encoded(scene(), "PNG")
    path = tmp_path / "scene.png"
    path.write_bytes(data)
    file = io.BytesIO(data)
    file.read(10)  # wherever the file stands
    for source in (path, str(path), data, file):
        assert differ(images.open_picture(source), scene()) == 0
    assert not file.closed


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF", "MPO"])
def test_every_format_opens_whatever_its_name_ends_with(format, tmp_path):
    if format == "HEIF":
        pillow_heif = pytest.importorskip("pillow_heif")
        file = io.BytesIO()
        pillow_heif.from_pillow(scene()).save(file, quality=95)
        data = file.getvalue()
    else:
        data = encoded(scene(), format)
    path = tmp_path / "holiday.txt"
    path.write_bytes(data)
    picture = images.open_picture(path)
    assert picture.mode == "RGB"
    assert picture.size == (96, 64)
    for got, meant in zip(quarters(picture), quarters(scene()), strict=True):
        assert np.abs(np.subtract(got, meant)).max() < 16
    assert type(picture) is Image.Image


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG"])
def test_of_an_animation_the_first_frame_is_taken(format):
    rest = [Image.new("RGB", (96, 64), "white")] * 2
    data = encoded(scene(), format, save_all=True, append_images=rest, duration=100, lossless=True)
    assert Image.open(io.BytesIO(data)).n_frames > 1
    assert differ(images.open_picture(data), scene()) < 4


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_photos_are_turned_upright(orientation, format):
    upright = scene()
    # What a camera held this way stores: the inverse of the turn that its EXIF tag asks for.
    t = Image.Transpose
    stored_by = [
        t.FLIP_LEFT_RIGHT,
        t.ROTATE_180,
        t.FLIP_TOP_BOTTOM,
        t.TRANSPOSE,
        t.ROTATE_90,
        t.TRANSVERSE,
        t.ROTATE_270,
    ]
    stored = upright if orientation == 1 else upright.transpose(stored_by[orientation - 2])
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = images.open_picture(encoded(stored, format, exif=exif))
    assert picture.size == upright.size
    for got, meant in zip(quarters(picture), quarters(upright), strict=True):
        assert np.abs(np.subtract(got, meant)).max() < 24


def test_a_turned_phone_photo_is_turned_once():
    pillow_heif = pytest.importorskip("pillow_heif")
    exif = Image.Exif()
    exif[0x0112] = 6
    file = io.BytesIO()
    pillow_heif.from_pillow(scene().transpose(Image.Transpose.ROTATE_90)).save(file, quality=95, exif=exif.tobytes())
    picture = images.open_picture(file)
    assert picture.size == (96, 64)
    assert np.abs(np.subtract(quarters(picture), quarters(scene()))).max() < 24


def test_damaged_exif_does_not_cost_the_picture():
    data = encoded(scene(), "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff nothing here")
    assert images.open_picture(data).size == (96, 64)


def test_metadata_stays_behind():
    exif = Image.Exif()
    exif[0x010E] = "where I live"
    picture = images.open_picture(encoded(scene(), "JPEG", exif=exif, comment=b"secret"))
    assert b"where I live" not in encoded(picture, "PNG")
    assert picture.info == {}


@pytest.mark.parametrize("format", ["JPEG", "TIFF"])
def test_cmyk_keeps_its_colours(format):
    """PIL writes CMYK JPEGs as Adobe does, inverted, with Adobe's marker."""
    data = encoded(scene(mode="CMYK"), format)
    assert (b"Adobe" in data) == (format == "JPEG")
    picture = images.open_picture(data)
    assert picture.mode == "RGB"
    for got, meant in zip(quarters(picture), quarters(scene()), strict=True):
        assert np.abs(np.subtract(got, meant)).max() < 24


def test_sixteen_bit_greys_are_scaled_not_clipped():
    deep = Image.fromarray(np.rint(ramp() * 65535).astype(np.uint16))
    assert deep.mode == "I;16"
    meant = np.rint(ramp() * 255).astype(np.uint8)
    for format in ("PNG", "TIFF"):
        picture = images.open_picture(encoded(deep, format))
        assert picture.mode == "RGB"
        assert differ(picture.getchannel(0), meant) == 0


@pytest.mark.parametrize(
    ("values", "low", "high"),
    [
        (np.float32(ramp()), 0, 255),  # 0..1
        (np.float32(ramp() * 255), 0, 255),
        (np.float32(ramp() * 65535), 0, 255),
        (np.float32(ramp() * 0.5), 0, 128),  # a dark picture stays dark
        (np.float32(ramp() * 1e6 - 5e5), 0, 255),  # heights, temperatures: stretched
        (np.int32(ramp() * 65535), 0, 255),
        (np.int32(ramp() * 2**31 - 2**30), 0, 255),
        (np.full((8, 8), np.nan, np.float32), 0, 0),
        (np.full((8, 8), -3.0, np.float32), 0, 0),
    ],
)
def test_float_and_32_bit_greys_show_what_is_there(values, low, high):
    grey = np.asarray(images.open_picture(encoded(Image.fromarray(values), "TIFF")))
    assert abs(int(grey.min()) - low) <= 1
    assert abs(int(grey.max()) - high) <= 1


def test_sixteen_bit_colour_png():
    rows = b"\0" + struct.pack(">6H", 65535, 0, 0, 0, 32768, 65535)
    picture = images.open_picture(png_of(2, 1, bits=16, rows=rows))
    assert [picture.getpixel((x, 0)) for x in (0, 1)] == [(255, 0, 0), (0, 128, 255)]


def test_grey_black_and_white_and_palette_come_out_in_rgb():
    for mode in ("L", "1", "P"):
        picture = images.open_picture(encoded(scene(mode=mode), "PNG"))
        assert picture.mode == "RGB"
        assert differ(picture, scene(mode=mode).convert("RGB")) == 0


def see_through(mode):
    """The left half invisible, the right half visible."""
    picture = scene(mode="RGBA")
    alpha = Image.new("L", picture.size, 255)
    alpha.paste(0, (0, 0, picture.width // 2, picture.height))
    picture.putalpha(alpha)
    if mode == "P":
        picture = picture.quantize(8)
    return picture.convert(mode)


@pytest.mark.parametrize(
    ("mode", "format"),
    [("RGBA", "PNG"), ("LA", "PNG"), ("P", "PNG"), ("RGBA", "GIF"), ("RGBA", "WEBP"), ("RGBA", "TIFF"), ("LA", "TIFF")],
)
def test_transparency_is_kept(mode, format):
    picture = images.open_picture(encoded(see_through(mode), format))
    assert picture.mode == "RGBA"
    assert picture.getpixel((5, 5))[3] == 0
    assert picture.getpixel((90, 5))[3] == 255
    assert images.on_white(picture).getpixel((5, 5)) == (255, 255, 255)
    if mode != "LA":
        assert picture.getpixel((90, 5))[0] > 240


def test_a_colour_declared_transparent_is_transparent():
    data = encoded(scene(), "PNG", transparency=(255, 0, 0))
    picture = images.open_picture(data)
    assert picture.mode == "RGBA"
    assert [pixel[3] for pixel in quarters(picture)] == [255, 0, 255, 255]


@pytest.mark.parametrize(("alpha", "format"), [(0, "TIFF"), (255, "TIFF"), (255, "PNG"), (255, "WEBP")])
def test_an_alpha_channel_that_says_nothing_is_dropped(alpha, format):
    picture = scene(mode="RGBA")
    picture.putalpha(alpha)
    opened = images.open_picture(encoded(picture, format, lossless=True))
    assert opened.mode == "RGB"
    assert differ(opened, scene()) == 0


@pytest.mark.parametrize("format", ["PNG", "WEBP", "AVIF"])
def test_what_cannot_be_seen_at_all_is_white_paper(format):
    picture = scene(mode="RGBA")
    picture.putalpha(0)
    assert images.on_white(images.open_picture(encoded(picture, format))).getextrema() == ((255, 255),) * 3


def swapped_profile():
    """A colour profile whose red is sRGB's green and the other way round: unmistakable when applied."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = struct.unpack(">I", profile[128:132])[0]
    places = {bytes(profile[132 + 12 * i : 136 + 12 * i]): 132 + 12 * i for i in range(count)}
    red, green = places[b"rXYZ"], places[b"gXYZ"]
    profile[red : red + 4], profile[green : green + 4] = b"gXYZ", b"rXYZ"
    place, size = struct.unpack(">II", profile[places[b"desc"] + 4 : places[b"desc"] + 12])
    text = profile[place : place + size]
    profile[place : place + size] = text.replace("sRGB".encode("utf-16-be"), "Swap".encode("utf-16-be"))
    return bytes(profile)


def test_a_colour_profile_is_applied():
    swapped = swapped_profile()
    assert "sRGB" not in ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(swapped)))
    for format in ("PNG", "JPEG", "TIFF", "WEBP"):
        picture = images.open_picture(encoded(scene(), format, icc_profile=swapped))
        _, red, blue, yellow = quarters(picture)
        assert red[1] > 230, format
        assert red[0] < 25, format
        assert blue[2] > 230, format
        assert min(yellow[:2]) > 230, format
        assert "icc_profile" not in picture.info  # it would be applied twice on the way out


def test_a_colour_profile_leaves_transparency_alone():
    picture = images.open_picture(encoded(see_through("RGBA"), "PNG", icc_profile=swapped_profile()))
    assert picture.getpixel((90, 5))[1] > 230
    assert picture.getpixel((5, 5))[3] == 0


@pytest.mark.parametrize("profile", [b"not a profile", b"\0" * 200])
def test_a_broken_colour_profile_does_not_cost_the_picture(profile):
    assert differ(images.open_picture(encoded(scene(), "PNG", icc_profile=profile)), scene()) == 0


def test_srgb_pixels_pass_unchanged():
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    noise = Image.effect_noise((64, 64), 80).convert("RGB")
    assert differ(images.open_picture(encoded(noise, "PNG", icc_profile=profile)), noise) == 0


def test_lab_tiff():
    lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
    picture = images.open_picture(encoded(ImageCms.applyTransform(scene(), lab), "TIFF"))
    assert differ(picture, scene()) < 25  # eight bits of Lab are that coarse in blue


# ---------------------------------------------------------------- how large


def test_one_pixel_opens():
    assert images.open_picture(encoded(Image.new("RGB", (1, 1), "red"), "PNG")).getpixel((0, 0)) == (255, 0, 0)


@pytest.mark.slow
@pytest.mark.parametrize(("format", "options"), [("JPEG", {}), ("JPEG", {"progressive": True}), ("PNG", {})])
def test_30000_pixels_wide_opens_reduced(format, options):
    picture = images.open_picture(encoded(scene(30_000, 1000), format, **options), max_pixels=1_000_000)
    assert 0.98e6 < picture.width * picture.height <= 1e6
    assert picture.width / picture.height == pytest.approx(30, rel=0.01)
    assert np.abs(np.subtract(quarters(picture), quarters(scene()))).max() < 24


def test_a_picture_within_the_limit_keeps_its_size():
    assert images.open_picture(encoded(scene(), "JPEG"), max_pixels=96 * 64).size == (96, 64)
    assert images.open_picture(encoded(scene(), "JPEG"), max_pixels=96 * 64 - 1).size == (95, 63)


@pytest.mark.parametrize(
    ("width", "height"), [(60_000, 60_000), (2_000_000, 1), (12_000, 9_000), (2**31 - 1, 2**31 - 1)]
)
def test_a_bomb_is_refused_by_its_header(width, height, recwarn):
    refused(png_of(width, height), "bomb.png", f"{width} × {height}", name="bomb.png")
    assert not recwarn  # PIL's own warning neither


def test_a_jpeg_bomb_is_refused_and_a_phones_photo_is_not(monkeypatch):
    data = encoded(scene(1200, 800), "JPEG")
    place = data.index(b"\xff\xc0") + 5  # height and width of the frame header
    refused(data[:place] + struct.pack(">HH", 60_000, 60_000) + data[place + 4 :], "60000 × 60000")
    # More pixels than may be decoded at once, few enough for a JPEG, which is reduced on the way:
    monkeypatch.setattr(policy, "PRIVATE", policy.Limits(picture_pixels=500_000))
    assert images.open_picture(data, max_pixels=240_000).size == (600, 400)
    refused(encoded(scene(1200, 800), "JPEG", progressive=True), "1200 × 800")


# ---------------------------------------------------------------- what is refused


def zipped(name, content=b"content"):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, content)
    return file.getvalue()


def tarred():
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a.png"))
    return file.getvalue()


def test_what_is_not_a_picture_is_named(tmp_path):
    mp4 = b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41" + bytes(2000)
    svg = b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"></svg>'
    for data, what in (
        (b"Dear diary, today I painted.\n", "text"),
        ("Liebes Tagebuch, heute schöne Bäume.\n".encode(), "text"),
        (mp4, "video"),
        (svg, "SVG"),
        (b"%PDF-1.7\n%\xe2\xe3", "PDF"),
        (b"PK\x03\x04" + bytes(30), "ZIP archive"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "PostScript"),
        (b"8BPS\0\1" + bytes(40), "Photoshop"),
        (bytes(range(256)), "unknown"),
        (encoded(scene(), "ICO"), "icon"),
        (encoded(scene(), "JPEG2000"), "JPEG 2000"),
        (encoded(scene(), "PPM"), "Netpbm"),
        (encoded(scene(), "TGA"), "TGA"),
        (encoded(scene(), "TGA", compression="tga_rle"), "TGA"),
        (encoded(scene(), "QOI"), "QOI"),
        (b"7z\xbc\xaf\x27\x1c" + bytes(40), "7z archive"),
        (b"Rar!\x1a\x07\1\0" + bytes(40), "RAR archive"),
        (tarred(), "TAR archive"),
        (gzip.compress(tarred()), "packed file or archive"),
        (zipped("[Content_Types].xml"), "office document"),
        (zipped("mimetype", b"application/vnd.oasis.opendocument.text"), "office document"),
        (zipped("a.png"), "ZIP archive"),
        (b"\0\5\x16\7\0\2\0\0Mac OS X" + bytes(60), "Mac's notes"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "folder's thumbnails"),
        (b"II*\0\x10\0\0\0CR\2\0" + bytes(60), "camera's raw file"),
        (b"FUJIFILMCCD-RAW 0201" + bytes(60), "camera's raw file"),
        (b"II\x1a\0\0\0HEAPCCDR\2\0" + bytes(60), "camera's raw file"),
        (b"IIIIwaR\0" + bytes(60), "camera's raw file"),
        (lzma.compress(tarred()), "packed file or archive"),
        (lzma.compress(tarred(), lzma.FORMAT_ALONE), "packed file or archive"),
        (b"MSCF\0\0\0\0" + bytes(60), "packed file or archive"),
        (b"!\x1f-lh5-" + bytes(60), "packed file or archive"),
    ):
        path = tmp_path / "photo.jpg"
        path.write_bytes(data)
        way_out = "unpack it" if "archive" in what else "PNG or JPEG" if "raw" in what else "JPEG, PNG"
        refused(path, "photo.jpg", what, way_out)


def test_an_empty_a_missing_and_an_unreadable_file(tmp_path):
    (tmp_path / "empty.png").touch()
    refused(tmp_path / "empty.png", "empty.png", "0 bytes")
    refused(b"", "empty")
    refused(tmp_path / "missing.png", "missing.png")
    refused(tmp_path, tmp_path.name)
    refused("a\0b.png", "ab.png")


def test_a_file_of_too_many_bytes_is_refused_unread(tmp_path):
    with open(tmp_path / "huge.png", "wb") as file:
        file.truncate(policy.PRIVATE.picture_bytes + 1)  # sparse
    refused(tmp_path / "huge.png", "huge.png", "200 MB")


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF"])
@pytest.mark.parametrize("part", [0.02, 0.5])
def test_a_truncated_file_is_refused(format, part):
    noise = Image.effect_noise((200, 200), 80).convert("RGB")
    if format == "HEIF":
        pillow_heif = pytest.importorskip("pillow_heif")
        file = io.BytesIO()
        pillow_heif.from_pillow(noise).save(file)
        data = file.getvalue()
    else:
        data = encoded(noise, format)
    refused(data[: int(len(data) * part)], "cut", "damaged", name="cut")


def test_corrupted_files_open_or_are_refused_but_never_crash():
    rng = np.random.default_rng(0)
    exif = Image.Exif()
    exif[0x0112] = 6
    for format in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"):
        whole = np.frombuffer(encoded(scene(), format, exif=exif, icc_profile=swapped_profile()), np.uint8)
        for _ in range(40):
            data = whole.copy()
            places = rng.integers(4, len(data), 6)
            data[places] = rng.integers(0, 256, 6)
            try:
                picture = images.open_picture(data.tobytes())
            except UserError:
                continue
            assert picture.mode in ("RGB", "RGBA")


def test_a_hostile_name_is_shortened_and_cleaned():
    sentence = refused(b"", name="../../etc/" + "a\n\x1b[31m" * 100 + ".png")
    assert len(sentence) < 130
    assert "/etc" not in sentence


# ---------------------------------------------------------------- size and alpha


@pytest.mark.parametrize(
    ("size", "longer", "fitted"),
    [
        ((3000, 2000), 512, (512, 341)),
        ((2000, 3000), 512, (341, 512)),
        ((1, 1), 512, (512, 512)),
        ((100, 50), 512, (512, 256)),  # a small picture grows
        ((30_000, 10), 512, (512, 32)),  # never too thin to paint
        ((10, 30_000), 2048, (32, 2048)),
    ],
)
def test_fit_size(size, longer, fitted):
    assert images.fit_size(*size, longer) == fitted


def test_a_result_can_get_its_alpha_back():
    original = images.open_picture(encoded(see_through("RGBA"), "PNG"))
    painting = Image.new("RGB", (48, 32), "green")
    result = images.with_alpha_of(painting, original)
    assert result.mode == "RGBA"
    assert result.getpixel((2, 2)) == (0, 128, 0, 0)
    assert result.getpixel((45, 2)) == (0, 128, 0, 255)
    assert painting.mode == "RGB"
    assert images.with_alpha_of(painting, scene()) is painting


def test_the_digest_is_of_the_pixels():
    picture = scene()
    assert images.digest(picture) == images.digest(images.open_picture(encoded(picture, "PNG")))
    assert images.digest(picture) != images.digest(picture.resize((64, 96)))
    picture.putpixel((0, 0), (1, 0, 0))
    assert images.digest(picture) != images.digest(scene())


# ---------------------------------------------------------------- recipe

RECIPE = {"ganvas": "0.1.0", "kind": "style", "seed": 7, "weight": 0.1, "colour": "süß 🎨", "styles": ["a", None, True]}


def test_a_recipe_comes_back_from_file_and_path(tmp_path):
    file = io.BytesIO()
    images.write_png(see_through("RGBA"), file, RECIPE)
    assert images.read_recipe(file) == RECIPE
    assert differ(images.open_picture(file), see_through("RGBA")) == 0
    path = tmp_path / "out.png"
    path.write_bytes(b"the one before")
    images.write_png(scene(), path, RECIPE)
    assert images.read_recipe(path) == RECIPE
    assert list(tmp_path.iterdir()) == [path]  # nothing temporary left


def test_a_failed_save_leaves_the_file_before_it(tmp_path):
    path = tmp_path / "out.png"
    path.write_bytes(b"the one before")
    with pytest.raises(OSError, match="cannot write mode"):
        images.write_png(scene(mode="CMYK").convert("YCbCr"), path, RECIPE)
    assert path.read_bytes() == b"the one before"
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(UserError, match=r"out.png could not be written to .*no such folder"):
        images.write_png(scene(), tmp_path / "no such folder" / "out.png", RECIPE)


def test_a_recipe_that_could_not_be_read_back_is_not_written():
    with pytest.raises(ValueError, match="recipe"):
        images.write_png(scene(), io.BytesIO(), {"text": "x" * images.MAX_RECIPE_BYTES})
    with pytest.raises(ValueError, match="JSON compliant"):
        images.write_png(scene(), io.BytesIO(), {"loss": float("nan")})


def test_a_picture_without_a_recipe_has_none():
    assert images.read_recipe(encoded(scene(), "PNG")) is None
    assert images.read_recipe(encoded(scene(), "JPEG", comment=b"ganvas")) is None
    with pytest.raises(UserError, match="text"):
        images.read_recipe(b"{}")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[1, 2]",
        '"style"',
        "7",
        "null",
        '{"a": NaN}',
        '{"a": 1e999}',
        '{"a": "\\ud800"}',
        '{"a": ' + "9" * 5000 + "}",
        "[" * 60_000,
        '{"a": ' * 500 + "1" + "}" * 500,
        '{"a": ' + "[" * 20 + "]" * 20 + "}",
        json.dumps({"a": "x" * 70_000}),
    ],
    ids=lambda text: text[:12],
)
@pytest.mark.parametrize("zipped", [False, True])
def test_a_hostile_recipe_is_refused(text, zipped):
    chunks = PngImagePlugin.PngInfo()
    chunks.add_itxt("ganvas", text, zip=zipped)
    data = encoded(scene(), "PNG", pnginfo=chunks)
    with pytest.raises(UserError, match=r"recipe inside evil\.png is damaged"):
        images.read_recipe(data, name="evil.png")
    assert images.open_picture(data).size == (96, 64)  # the picture itself is fine


def test_a_text_that_unpacks_to_gigabytes_is_refused():
    packed = zlib.compress(b" " * 50_000_000, 9)
    extra = png_chunk(b"iTXt", b"ganvas\0\x01\0\0\0" + packed)
    data = png_of(1, 1, rows=b"\0\xff\0\0", extra=extra)
    with pytest.raises(UserError):
        images.read_recipe(data)


# ---------------------------------------------------------------- finish


def smooth_photo():
    """Soft colours around middle grey: every luma a painting may bring leaves them in gamut."""
    y, x = np.mgrid[:80, :120] / 120
    bands = [128 + 25 * np.sin(3 * x + k) + 15 * np.cos(4 * y - k) for k in (0, 2, 4)]
    return Image.fromarray(np.stack(bands, -1).astype(np.uint8))


def painting():
    """Other colours, and strokes of another brightness."""
    y, x = np.mgrid[:80, :120]
    stroke = 30 * np.sin(x * 0.7 + y * 0.2)
    return Image.fromarray(np.stack([150 + stroke, 110 + stroke, 90 + stroke], -1).astype(np.uint8))


def test_strength_goes_from_the_photo_to_the_painting():
    photo, paint = smooth_photo(), painting()
    assert differ(images.finish(paint, photo, strength=0), photo) == 0
    assert differ(images.finish(paint, photo, strength=0, keep_colour=True), photo) == 0
    assert differ(images.finish(paint, photo, strength=1), paint) == 0
    middle = (np.asarray(photo, float) + np.asarray(paint, float)) / 2
    assert differ(images.finish(paint, photo, strength=0.5), middle) <= 1


def test_keep_colour_has_the_photos_colours_and_the_paintings_strokes():
    photo, paint = smooth_photo(), painting()
    kept = images.finish(paint, photo, keep_colour=True)
    for channel in ("Cb", "Cr"):
        assert differ(kept.convert("YCbCr").getchannel(channel), photo.convert("YCbCr").getchannel(channel)) <= 2
    strokes = np.corrcoef(np.ravel(kept.convert("L")), np.ravel(paint.convert("L")))[0, 1]
    assert strokes > 0.99
    light = [np.mean(p.convert("L")) for p in (photo, kept, paint)]
    assert min(light[0], light[2]) - 1 <= light[1] <= max(light[0], light[2]) + 1


def test_keep_colour_stays_in_gamut_without_shifting_hue_or_light():
    """Vivid colours under a black-to-white painting: clipping channels would change brightness."""
    photo = Image.new("RGB", (256, 64), (255, 0, 0))
    paint = Image.fromarray(np.rint(ramp(256, 64) * 255).astype(np.uint8)).convert("RGB")
    kept = images.finish(paint, photo, keep_colour=True)
    light = np.asarray(kept.convert("L"), int)[0]
    assert (np.diff(light) >= -1).all()
    red, green, blue = np.moveaxis(np.asarray(kept, int), -1, 0)
    assert (red >= green).all()
    assert np.abs(green - blue).max() <= 1  # still red, not orange or pink


def test_finish_fits_any_photo_to_the_painting():
    photo = images.open_picture(encoded(see_through("RGBA"), "PNG"))
    result = images.finish(painting(), photo, strength=0.3, keep_colour=True)
    assert result.size == (120, 80)
    assert result.mode == "RGB"


@pytest.mark.parametrize("keep_colour", [False, True])
@pytest.mark.parametrize("strength", [0, 0.5, 1])
def test_finish_keeps_the_paintings_transparency(strength, keep_colour):
    photo = see_through("RGBA")
    easel = images.with_alpha_of(painting(), photo)
    result = images.finish(easel, photo, strength=strength, keep_colour=keep_colour)
    assert differ(result.getchannel("A"), easel.getchannel("A")) == 0


# ---------------------------------------------------------------- show


def test_a_grid_shows_every_picture_in_its_place():
    colours = ["red", "green", "blue", "yellow", "purple"]
    sheet = images.grid([Image.new("RGB", (20, 10), c) for c in colours], gap=2, background="black")
    assert sheet.size == (3 * 22 - 2, 2 * 12 - 2)
    for i, colour in enumerate(colours):
        place = (i % 3 * 22 + 10, i // 3 * 12 + 5)
        assert sheet.getpixel(place) == Image.new("RGB", (1, 1), colour).getpixel((0, 0))
    assert sheet.getpixel((20, 5)) == (0, 0, 0)  # the gap
    assert images.grid([scene()], columns=4).size == scene().size
    small_beside_large = images.grid([Image.new("RGB", (10, 10), "red"), scene()], columns=2, gap=0)
    assert small_beside_large.getpixel((48, 32)) == (255, 0, 0)  # centred


def test_a_strip_has_one_height():
    band = images.strip([scene(), scene(32, 64), see_through("RGBA")], 32, gap=4)
    assert band.size == (48 + 16 + 48 + 8, 32)
    assert band.getpixel((48 + 4 + 16 + 4 + 2, 16)) == (255, 255, 255)


@pytest.mark.parametrize("format", ["webp", "gif"])
def test_a_time_lapse_plays(format, tmp_path):
    frames = [Image.blend(smooth_photo(), painting(), i / 9) for i in range(10)]
    frames[0] = frames[0].resize((60, 40))  # a coarse scale comes first
    path = tmp_path / f"lapse.{format}"
    images.animation(frames, path, seconds_per_frame=0.1, hold_last=1.5, format=format)
    lapse = Image.open(io.BytesIO(path.read_bytes()))
    durations, last = [], None
    for i in range(lapse.n_frames):
        lapse.seek(i)
        last = lapse.convert("RGB")
        durations.append(lapse.info["duration"])
    assert lapse.n_frames == 10
    assert lapse.size == (120, 80)
    assert lapse.info["loop"] == 0
    assert durations == [100] * 9 + [1500]
    assert np.abs(np.asarray(last, int) - np.asarray(frames[-1], int)).mean() < 6
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("format", ["webp", "gif"])
def test_a_time_lapse_is_bounded_and_can_stop_at_the_end(format):
    file = io.BytesIO()
    images.animation((scene(900, 300), painting().resize((900, 300))), file, format=format, loop=False, longer=300)
    lapse = Image.open(file)
    assert lapse.size == (300, 100)
    assert lapse.info.get("loop", 1) == 1


# ---------------------------------------------------------------- name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Sunset at the sea!", "Sunset-at-the-sea.png"),
        ("../../etc/passwd", "etc-passwd.png"),
        ("Großmutter 3.2", "Großmutter-3.2.png"),
        ("...", "picture.png"),
        ("", "picture.png"),
        ("con", "_con.png"),
        ("a\0b\nc", "a-b-c.png"),
        ("x" * 300, "x" * 80 + ".png"),
        ("あ" * 300, "あ" * 40 + ".png"),
        ("aあ" * 300, "aあ" * 30 + ".png"),
        ("\ud800", "picture.png"),
    ],
)
def test_save_name(text, name):
    assert images.save_name(text, ".png") == name


@pytest.mark.parametrize(("stem", "kept"), [("photo", "photo"), ("あ" * 84, "あ" * 80)])
def test_two_results_of_one_name_do_not_collide(tmp_path, stem, kept):
    paths = []
    for _ in range(3):
        paths.append(images.unique_path(tmp_path, stem, ".png"))
        images.write_png(scene(), paths[-1], {})
    assert [p.name for p in paths] == [f"{kept}.png", f"{kept}-2.png", f"{kept}-3.png"]
