"""Files that are hurt where it does not matter, made whole for decoders that are stricter than any browser.

Bytes in, bytes out: what only accompanies a picture is left out, ends that are missing are put there. Decodes nothing.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO

PNG_HEAD = 8  # bytes
PACKED_SUM = 4  # bytes at the end of what zlib packs
PNG_CRITICAL = {b"IHDR", b"PLTE", b"IDAT", b"IEND"}
# What changes how a picture looks, and how long it is, where that is fixed. Other chunks only accompany it.
PNG_LOOKS = {b"iCCP": None, b"eXIf": None, b"sRGB": 1, b"gAMA": 4}
PNG_CLEAR = {0: {2}, 2: {6}, 3: set(range(1, 257))}  # kind of colours -> the lengths tRNS can have there
PNG_MOVES = {b"acTL": 8, b"fcTL": 26, b"fdAT": None}
PNG_TEXTS = {b"tEXt", b"zTXt", b"iTXt"}
MAX_PROFILE = 2**20  # bytes of a colour profile in a PNG, unpacked; those of screens have some thousand

LENGTHS_KNOWN = {"BMP", "GIF", "TIFF", "WebP"}  # formats in which each part says how long it is
LAST_BYTES = 16
JPEG_END = b"\xff\xd9"


def png(file: BinaryIO, keyword: str | None = None, *, bare: bool = False) -> BinaryIO:
    """A PNG with its picture, what changes how that looks, and the text under `keyword`; of these what is undamaged.
    `bare`: with neither colours' meaning nor movement, nor the sum of all that is packed, which browsers compare with
    nothing. Bytes that are missing at the very end are put there."""
    wanted = {} if bare else PNG_LOOKS | PNG_MOVES
    out = io.BytesIO()
    out.write(file.read(PNG_HEAD))
    chunks = list(_chunks(file))
    colours = next((data[9] for kind, data, _ in chunks if kind == b"IHDR" and len(data) == 13), 0)
    packed = [number for number, (kind, data, _) in enumerate(chunks) if kind == b"IDAT" and data]
    whole = all(chunks[number][2] for number in packed)
    for number, (kind, data, sound) in enumerate(chunks):
        if bare and whole and packed and number == packed[-1]:
            data = data[:-PACKED_SUM]
        if kind in PNG_CRITICAL:
            keep = True
        elif kind == b"tRNS":
            keep = sound and len(data) in PNG_CLEAR.get(colours, ())
        elif kind in PNG_TEXTS:
            keep = sound and keyword is not None and data.startswith(keyword.encode() + b"\0")
        else:
            keep = sound and kind in wanted and wanted[kind] in (None, len(data))
            keep = keep and (kind != b"iCCP" or _small_profile(data))
        if keep:
            # The checksum of a picture that is damaged stays wrong.
            checksum = zlib.crc32(kind + data) ^ (0 if sound else 1)
            out.write(struct.pack(">I", len(data)) + kind)
            out.write(data)
            out.write(struct.pack(">I", checksum))
    out.seek(0)
    return out


def _chunks(file: BinaryIO) -> Iterator[tuple[bytes, bytes, bool]]:
    """Kind, content and whether the checksum is right. One that the file's end cuts counts as right: whether it is
    enough of a picture shows when it is decoded."""
    while len(head := file.read(8)) == 8:
        size, kind = struct.unpack(">I4s", head)
        data, checksum = file.read(size), file.read(4)
        yield kind, data, len(checksum) < 4 or zlib.crc32(kind + data) == int.from_bytes(checksum, "big")
        if kind == b"IEND":
            return
    yield b"IEND", b"", True


def png_halves(file: BinaryIO) -> BinaryIO:
    """A PNG of grey and alpha in 16 bits, as one of four bands in 8: grey's upper and lower half, alpha's likewise. Its
    bytes stay what they are, and so do the filters of its rows."""
    data = bytearray(file.read())
    data[PNG_HEAD + 16 : PNG_HEAD + 18] = 8, 6
    data[PNG_HEAD + 21 : PNG_HEAD + 25] = zlib.crc32(data[PNG_HEAD + 4 : PNG_HEAD + 21]).to_bytes(4, "big")
    return io.BytesIO(data)


def _small_profile(data: bytes) -> bool:
    packed = data.partition(b"\0")[2][1:]
    try:
        unpacking = zlib.decompressobj()
        unpacking.decompress(packed, MAX_PROFILE)
        return unpacking.eof
    except zlib.error:
        return False


def end(file: BinaryIO, kind: str) -> None:
    """Zeros for the last few bytes, which may be missing; where they are not, nobody reads so far."""
    if kind in LENGTHS_KNOWN:
        file.seek(0, io.SEEK_END)
        file.write(bytes(LAST_BYTES))
        file.seek(0)


def jpeg_ends(file: BinaryIO) -> tuple[BinaryIO, BinaryIO]:
    """A JPEG that breaks off, ended in two ways. Where both pictures are alike, the file was whole; the first has
    nothing in the rest, as browsers show it."""
    data = file.read().removesuffix(b"\xff")
    return io.BytesIO(data + JPEG_END), io.BytesIO(data + bytes.fromhex("5a93c6") * 5000 + JPEG_END)
