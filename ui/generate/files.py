"""What the Generate page lets one take away: single pictures, sheets, zips, animations. Each carries its recipe, where
the format has room for one. Nothing is computed here.
"""

from __future__ import annotations

import base64
import io
import zipfile
from typing import Any

import streamlit as st
from PIL import Image

from core.gan.points import recipe_of
from core.pictures import images
from core.settings import Result

FRAME_SIDE = 256  # px
FRAME_SECONDS = 0.05
KINDS = {"WebP": "webp", "GIF": "gif", "MP4": "mp4"}


def grid(result: Result) -> None:
    """Buttons for all pictures of a grid."""
    with st.container(horizontal=True):
        button("Sheet", lambda: sheet(result), "sheet.png")
        button("All as a zip", lambda: zipped(result), "pictures.zip")


def way(result: Result) -> None:
    """A way between pictures: as an animation and as a strip, to look at and to download."""
    moving = animated(result, "webp")
    shown = base64.b64encode(moving).decode()
    st.html(f'<img src="data:image/webp;base64,{shown}" alt="The way, animated" style="width:256px;max-width:100%">')
    strip = images.strip([*result.images[:: max(1, len(result.images) // 10)]], 64, gap=2)
    st.image(strip, alt="The way, step by step")
    with st.container(horizontal=True):
        for label, kind in KINDS.items():
            button(label, moving if kind == "webp" else lambda kind=kind: animated(result, kind), f"way.{kind}")
        button("Strip", lambda: png(strip, dict(result.recipe)), "way.png")


def button(label: str, data: Any, name: str, width: str = "content") -> None:
    """`data` are bytes, or what makes them when they are wanted."""
    st.download_button(label, data, name, icon=":material/download:", on_click="ignore", width=width)


# ---------------------------------------------------------------- the files


def png(picture: Image.Image, recipe: dict[str, Any] | None = None) -> bytes:
    file = io.BytesIO()
    images.write_png(picture, file, recipe or {})
    return file.getvalue()


def one(result: Result, index: int) -> bytes:
    """One picture as it is, with its recipe."""
    return png(result.images[index], recipe_of(result.recipe, index))


def sheet(result: Result) -> bytes:
    """All pictures on one, with the recipe of all."""
    return png(images.grid(result.images, gap=2), dict(result.recipe))


def zipped(result: Result) -> bytes:
    """All pictures as PNGs, each with its own recipe, in a zip."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for index, point in enumerate(result.recipe["points"]):
            archive.writestr(f"{index + 1:03d}-{name_of(point)}", one(result, index))
    return file.getvalue()


def name_of(point: str) -> str:
    return images.save_name(point.replace(":", "-"), ".png")


def animated(result: Result, kind: str) -> bytes:
    """The pictures as frames: webp, gif or mp4."""
    file = io.BytesIO()
    frames = [images.enlarged(picture, FRAME_SIDE) for picture in result.images]
    images.animation(frames, file, seconds_per_frame=FRAME_SECONDS, hold_last=FRAME_SECONDS, format=kind)
    return file.getvalue()
