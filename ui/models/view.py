"""A line of the Models page: a picture, a name, what is known of it, and room for buttons."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import streamlit as st
from PIL import Image
from streamlit.delta_generator import DeltaGenerator

from core import amounts
from core.gan.zoo import catalogue
from core.hub.cache import Cached
from core.hub.registry import Entry
from core.pictures import images
from ui.telling import plain

SIDE = 56  # px, of the pictures


def line(title: str, facts: Sequence[str], sheet: Path | None = None) -> DeltaGenerator:
    """One line; returns the place for its buttons. `sheet`: the samples its picture is taken from."""
    row = st.container(horizontal=True, vertical_alignment="center", gap="small", wrap=False)
    if sheet and sheet.is_file():
        row.image(_four_of(sheet), width=SIDE, alt=f"Samples of {title}")
    else:
        row.markdown(":gray[:material/deployed_code:]", width=SIDE, text_alignment="center")
    row.markdown(f"**{plain(title)}**  \n:small[:gray[{plain(' · '.join(facts))}]]", width="stretch")
    return row.container(horizontal=True, width="content", gap="xsmall", wrap=False)


def facts(entry: Entry) -> list[str]:
    """What people want to know of an entry of the registry."""
    licence = "licence not stated" if entry.licence == "not stated" else entry.licence
    return [*(["for painting"] if entry.kind != "generator" else []), licence]


def cached(item: Cached) -> list[str]:
    return [amounts.size(item.size), f"used {amounts.ago(item.used)}"]


def fetcher(name: str) -> bool:
    return st.button("Fetch", key=f"fetch-{name}", icon=":material/download:")


def deleter(name: str) -> bool:
    return st.button("Delete", key=f"delete-{name}", icon=":material/delete:", help="From this computer")


def opener(ref: str) -> None:
    if st.button("Open", key=f"open-{ref}", icon=":material/grid_view:"):
        open_generator(ref)


def open_generator(ref: str) -> None:
    """On to the Generate page with it."""
    st.session_state.goto = ref
    st.switch_page("generate.py")


def size_of(path: Path) -> str:
    return amounts.size(path.stat().st_size) if path.exists() else "missing"


def _four_of(sheet: Path) -> Image.Image:
    tiles = images.cells(Image.open(sheet).convert("RGB"), catalogue.SHEET, gap=2)
    return images.grid([tiles[i] for i in (0, 1, 8, 9)], gap=0)
