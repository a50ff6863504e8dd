"""Pictures as files, byte by byte: whole ones, and the pieces of which broken and hostile ones are made."""

import io
import struct
import zlib

from PIL import Image, ImageDraw


def scene(width=96, height=64, mode="RGB"):
    """Four flat quarters: black, red / blue, yellow. Flat, so that lossy formats keep their colours."""
    picture = Image.new("RGB", (width, height), "black")
    draw = ImageDraw.Draw(picture)
    draw.rectangle((width // 2, 0, width, height // 2 - 1), "red")
    draw.rectangle((0, height // 2, width // 2 - 1, height), "blue")
    draw.rectangle((width // 2, height // 2, width, height), "yellow")
    return picture.convert(mode)


def encoded(picture, format, **options):
    file = io.BytesIO()
    picture.save(file, format=format, **options)
    return file.getvalue()


def png_chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_of(width, height, *, bits=8, colour=2, rows=b"", extra=b""):
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", header)
        + extra
        + png_chunk(b"IDAT", zlib.compress(rows))
        + png_chunk(b"IEND", b"")
    )


def noise(side: int = 64) -> bytes:
    file = io.BytesIO()
    Image.effect_noise((side, side), 60).convert("RGB").save(file, "PNG")
    return file.getvalue()
