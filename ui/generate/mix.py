"""What the Generate page does with several pictures: keep them, go from one to the next, add and subtract them.

A kept picture is a request of one point, with the result it was kept with: it stays what it was, whatever the widgets
say by then, and where its generator is gone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import streamlit as st
from PIL import Image

from core.gan import points
from core.gan.request import SampleRequest
from core.settings import Result
from ui.generate import files, view
from ui.lasting import lasting

FRAMES = (20, 240, 60, 10)  # least, most, usual, step
TERMS = ("This", "minus", "plus")
STATE = st.session_state


def mix(kept: Mapping[SampleRequest, Result]) -> None:
    """The pictures kept, ways between those of one generator, and sums of them."""
    st.header("Kept", divider="grey")
    named = {f"{request.points[0]}, {view.made_with(request)}": request for request in kept}
    tiles = {name: kept[request].images[0] for name, request in named.items()}
    chosen = [name for name, request in named.items() if request == STATE.selected]
    view.pictures(tiles, chosen, "shelf", lambda name: view.look_at(named[name]))
    alike: dict[SampleRequest, dict[str, Image.Image]] = {}
    for request, result in kept.items():
        group = alike.setdefault(replace(request, points=(), seed=0), {})
        group[request.points[0]] = result.images[0]
    about = max(alike, key=lambda one: len(alike[one]))
    if len(alike) > 1:
        offered = sorted(alike, key=lambda one: -len(alike[one]))
        about = st.selectbox("Mix those of", offered, format_func=view.made_with)
    between, sums = st.columns(2, gap="large")
    with between:
        st.markdown("**From one to the next**")
        way(about, list(alike[about]))
    with sums:
        st.markdown("**This − that + that**")
        add(about, alike[about])


def way(about: SampleRequest, kept: list[str]) -> None:
    frames = st.slider("Frames", *FRAMES, disabled=len(kept) < 2)
    if len(kept) < 2:
        st.caption("Keep two pictures of a generator, or more.")
    elif st.toggle("Show the way", key=lasting("way", False)):
        files.way(view.made(replace(about, points=points.interpolate(kept, frames, closed=True))))


def add(about: SampleRequest, kept: Mapping[str, Image.Image]) -> None:
    if len(kept) < 3:
        st.caption("Keep three pictures of a generator, or more.")
        return
    chosen = []
    for place, label in enumerate(TERMS):
        key = f"term-{place}"
        if STATE.get(key) not in kept:
            STATE[key] = list(kept)[place]
        chosen.append(STATE[key])
        st.caption(label)
        view.pictures(kept, [STATE[key]], f"pick-{place}", lambda name, key=key: STATE.update({key: name}), 44)
    if st.toggle("Show the sum", key=lasting("sum", False)):
        row = view.made(replace(about, points=(*chosen, points.arithmetic(*chosen))))
        *terms, total = row.images
        shown = dict(zip((*TERMS, "sum"), (*terms, total), strict=True))
        named = dict(zip(shown, row.recipe["points"], strict=True))
        view.pictures(shown, [], "sum-row", lambda name: view.look_at(view.single(about, named[name])), 60)
        st.caption("The last one is the sum.")
