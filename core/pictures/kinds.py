"""What a file is, told from its first bytes: a picture that may be decoded (`core.pictures.decode.READERS`), or words
for what it is instead. Opens nothing."""

from __future__ import annotations

import re

SIGNATURES = (
    (rb"\xff\xd8\xff", "JPEG"),
    (rb"\x89PNG\r\n\x1a\n", "PNG"),
    (rb"RIFF....WEBP", "WebP"),
    (rb"GIF8[79]a", "GIF"),
    (rb"BM....\0\0\0\0", "BMP"),
    (
        rb"II\*\0....CR|II(RO|RS|U\0|II)|II\x1a\0{3}HEAPCCDR|MMOR|FUJIFILMCCD-RAW|FOVb|\0MRM|....ftypcrx ",
        "a camera's raw file",
    ),
    (rb"II[*+]\0|MM\0[*+]", "TIFF"),
    (rb"....ftyp(....)*?avi[fs]", "AVIF"),
    (rb"....ftyp(....)*?(hei[cxms]|hev[cx]|mif1)", "HEIC"),
    (rb"....ftyp|\x1aE\xdf\xa3|RIFF....AVI |\0\0\x01[\xb0-\xbf]", "a video"),
    (rb"%PDF", "a PDF document"),
    (rb"PK\x03\x04.{26,400}(\[Content_Types\].xml|mimetypeapplication/)", "an office document"),
    (rb"PK(\x03\x04|\x05\x06|\x07\x08)", "a ZIP archive"),
    (rb"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (rb"Rar!\x1a\x07", "a RAR archive"),
    (rb".{257}ustar", "a TAR archive"),
    (
        rb"\x1f\x8b|BZh[1-9]1AY|\xfd7zXZ\0|\x28\xb5\x2f\xfd|LZIP|\x1f[\x9d\xa0]|\x04\x22M\x18|\x5d\0\0.{2}|MSCF\0|..-lh|xar!",
        "a packed file or archive",
    ),
    (rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old office document or a folder's thumbnails"),
    (rb"\0\x05\x16\x07", "a Mac's notes on another file"),
    (rb"P[1-7]\s+(#|\d|WIDTH)", "a Netpbm picture (PBM, PGM, PPM)"),
    (rb"qoif", "a QOI picture"),
    (rb"v/1\x01", "an OpenEXR picture"),
    (rb"#\?RADIANCE|#\?RGBE", "a Radiance HDR picture"),
    (rb"DDS ", "a game's texture (DDS)"),
    (rb"8BPS", "a Photoshop file"),
    (rb"\xff\x0a|\0\0\0\x0cJXL ", "a JPEG XL file"),
    (rb"\0\0\0\x0cjP  |\xffO\xffQ", "a JPEG 2000 file"),
    (rb"\0\0\x01\0", "an icon"),
    (rb"%!PS", "a PostScript file"),
    (rb"(?i)[^\0]*<svg", "an SVG drawing"),
    (rb"(?i)\s*<(!doctype html|html)", "a web page"),
    (rb"[\t\n\r -~\x80-\xff]+$", "text"),
    (
        rb".(\0[\x02\x03\x0a\x0b]\0{5}|\x01[\x01\x09]....[\x0f\x10\x18\x20])"
        rb"....([^\0].|.[^\0]){2}[\x08\x0f\x10\x18\x20][\0-\x2f]",
        "a TGA picture",
    ),
)

HEAD = 512  # bytes of a file tell what it is


def kind_of(head: bytes) -> str:
    """What a file with this beginning is: one of `READERS`, or words for what it is instead."""
    return next((kind for sign, kind in SIGNATURES if re.match(sign, head, re.DOTALL)), "of an unknown kind")
