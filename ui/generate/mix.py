"""What the Generate page does with several pictures: keep them, go from one to the next, add and subtract them."""

from __future__ import annotations

import streamlit as st

from core.gan import points
from core.gan.request import SampleRequest
from ui.generate import files, view

FRAMES = (20, 240, 60, 10)  # least, most, usual, step


def mix(about: dict) -> None:
    """The pictures kept, ways between them, and sums of them. `about`: the settings of a request without its points."""
    kept, large = st.session_state.kept, [st.session_state.selected]
    st.subheader("Kept", divider="grey")
    view.pictures(view.made(SampleRequest(**about | {"points": tuple(kept)})), large, "shelf")
    between, sums = st.columns(2, gap="large")
    with between:
        st.markdown("**From one to the next**")
        frames = st.slider("Frames", *FRAMES, disabled=len(kept) < 2)
        if len(kept) < 2:
            st.caption("Keep two pictures or more.")
        elif st.toggle("Show the way", key="way"):
            files.way(view.made(SampleRequest(**about | {"points": points.interpolate(kept, frames, closed=True)})))
    with sums:
        st.markdown("**This − that + that**")
        if len(kept) < 3:
            st.caption("Keep three pictures or more.")
            return
        labels = ("This", "minus", "plus")
        chosen = [
            column.selectbox(label, kept, place, key=f"sum-{place}")
            for place, (column, label) in enumerate(zip(st.columns(3), labels, strict=True))
        ]
        if st.toggle("Show the sum", key="sum"):
            row = (*chosen, points.arithmetic(*chosen))
            view.pictures(view.made(SampleRequest(**about | {"points": row})), large, "sum-row", 60)
            st.caption("The last one is the sum.")
