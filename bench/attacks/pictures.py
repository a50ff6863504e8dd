"""Pictures small on disk and large in memory, pictures that lie, and recipes that do."""

from __future__ import annotations

import concurrent.futures
import contextlib
import io
import struct
import zlib
from collections import Counter

from PIL import Image, PngImagePlugin
from strangers import API, Fell, Stranger, attack


def flat(side: int, mode: str = "RGB") -> bytes:
    """A PNG of some hundred kilobytes and very many pixels, made without holding them."""
    bits, colour, bytes_each = {"RGB": (8, 2, 3), "RGBA": (8, 6, 4), "RGBA16": (16, 6, 8), "I;16": (16, 0, 2)}[mode]
    packer, row = zlib.compressobj(9), b"\0" + b"\x40" * (side * bytes_each)
    packed = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", side, side, bits, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


@attack("5")
def finished_paintings_keep_no_inputs(me: Stranger) -> str:
    """A photo of 100 kB and 49 megapixels with styles like it, painted in five tabs that stay open: memory returns."""
    me.http.get("/", headers={"Accept": "text/html"})
    photo = me.upload(flat(7000))
    event, before, done = me.event("start"), me.studio.memory(), Counter()
    data = me.filled(event, photo, **{"Size (px)": 64, "Steps": 1})
    data[1] = [{"image": photo, "caption": None}] * 3
    with contextlib.ExitStack() as tabs:
        for number in range(5):
            tab = f"kept-{number}"
            tabs.enter_context(me.http.stream("GET", f"{API}/heartbeat/{tab}", timeout=None))
            joined = me.join(event, data, tab)
            if joined.status_code == 200:
                done.update(
                    str(told.get("success")) for told in me.news(tab, 120) if told["msg"] == "process_completed"
                )
        more = me.studio.memory() - before
    if more > 600e6:
        raise Fell(f"{more / 1e6:.0f} MB more after five paintings; done: {dict(done)}")
    return f"{more / 1e6:+.0f} MB after five paintings; done: {dict(done)}"


def _at_once(me: Stranger, file: dict, count: int) -> Counter:
    event = me.event("opened")

    def one(number: int) -> int:
        asked = {"data": me.filled(event, file), "fn_index": event["id"], "session_hash": f"{me.tab}-{number}"}
        return me.http.post(f"{API}/run/predict", json=asked, timeout=120).status_code

    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        return Counter(pool.map(one, range(count)))


@attack("6")
def many_decodings_at_once(me: Stranger) -> str:
    """12 calls at once with a PNG of 190 kB and 49 megapixels: memory for some at a time, others are answered."""
    me.http.get("/", headers={"Accept": "text/html"})
    file = me.upload(flat(7000, "RGBA"), "photo.tiff")
    with me.studio.memory_within(2.5e9), me.studio.answering(8):
        told = _at_once(me, file, 12)
    return f"at most {me.studio.peak / 1e6:.0f} MB in all; answers {dict(told)}"


@attack("17")
def heic_and_avif_bombs(me: Stranger) -> str:
    """Twelve HEIC and AVIF pictures of few kilobytes and 49 megapixels at once, and ones that lie about their size."""
    me.http.get("/", headers={"Accept": "text/html"})
    told = Counter()
    with me.studio.memory_within(2.5e9), me.studio.answering(10):
        for kind, ends in (("AVIF", "avif"), ("HEIF", "heic")):
            file = io.BytesIO()
            if kind == "HEIF":
                import pillow_heif

                pillow_heif.register_heif_opener()
            Image.new("RGB", (5000, 5000), (40, 90, 120)).save(file, kind, quality=10)
            good = file.getvalue()
            lies = good.replace(struct.pack(">II", 5000, 5000), struct.pack(">II", 60000, 60000))
            for content in (good, lies):
                told.update(_at_once(me, me.upload(content, f"photo.{ends}"), 6))
    return f"at most {me.studio.peak / 1e6:.0f} MB in all; answers {dict(told)}"


@attack("+")
def pictures_that_lie_or_unpack(me: Stranger) -> str:
    """A PNG that claims 65,535 a side, text chunks that unpack to gigabytes, an endless GIF, a TIFF with a million
    directories, a WebP that ends early: answered in words, memory stays."""
    me.http.get("/", headers={"Accept": "text/html"})
    long = PngImagePlugin.PngInfo()
    for number in range(6):
        long.add_text(f"a{number}", "x" * 900_000, zip=True)
    text = io.BytesIO()
    Image.new("RGB", (8, 8)).save(text, "PNG", pnginfo=long)
    gif = io.BytesIO()
    Image.new("P", (4000, 4000)).save(gif, "GIF", save_all=True, append_images=[Image.new("P", (4000, 4000),
    n) for n in range(20)])  # fmt: skip
    liar = bytearray(flat(64))
    liar[16:24] = struct.pack(">II", 65535, 65535)
    tiff = b"II*\0" + struct.pack("<I", 8) + (struct.pack("<H", 0) + struct.pack("<I", 8)) * 2
    told = Counter()
    with me.studio.memory_within(1.5e9), me.studio.answering(8):
        for content, name in ((text.getvalue(), "a.png"), (gif.getvalue(), "a.gif"), (bytes(liar), "b.png"), (tiff,
                              "a.tif"),
                              (b"RIFF\xff\xff\xff\x7fWEBPVP8 ", "a.webp"), (flat(7000, "I;16"), "c.png")):  # fmt: skip
            file = me.upload(content, name)
            for event in ("opened", "restored", "usable_styles"):
                told[me.press(me.event(event), me.filled(me.event(event), file), me.tab).status_code] += 1
    return f"answers {dict(told)}"


@attack("+", quick=True)
def hostile_recipes(me: Stranger) -> str:
    """PNGs whose recipe nests a hundred thousand deep, or holds huge and impossible numbers: answered in words."""
    me.http.get("/", headers={"Accept": "text/html"})
    told = Counter()
    for recipe in ("[" * 100_000, '{"a":' * 50_000, "null", "[]", '{"kind":"style","steps":1e999,"size":NaN}',
                   '{"kind":"style","size":' + "9" * 5000 + "}", '{"kind":"style","style_shares":[1e308,1e308,-0.0]}',
                   '{"kind":["style"],"size":{}}', '{"kind":"style","seed":"' + "\\u0000" * 999 + '"}'):  # fmt: skip
        about = PngImagePlugin.PngInfo()
        for key in ("ganvas", "recipe", "Ganvas", "parameters"):
            about.add_itxt(key, recipe)
        file = io.BytesIO()
        Image.new("RGB", (8, 8)).save(file, "PNG", pnginfo=about)
        kept = me.upload(file.getvalue())
        answer = me.press(me.event("restored"), me.filled(me.event("restored"), kept), me.tab)
        told[answer.status_code] += 1
        if answer.status_code >= 500:
            raise Fell(f"{recipe[:30]}… is answered with {answer.status_code}: {answer.text[:80]}")
    return f"answers {dict(told)}"
