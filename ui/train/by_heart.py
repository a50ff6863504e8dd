"""Whether a run learns by heart: the samples that are nearest to pictures it learned from, always to be seen."""

from __future__ import annotations

import contextlib

import streamlit as st

from core.gan.doctor.thresholds import COPIES
from core.gan.measures import MEASURES
from core.runs.run_folder import Run


def show(run: Run) -> None:
    path = run.path / "closest.png"
    if path.is_symlink() or not path.is_file():
        return
    with st.expander("Learned by heart?"), contextlib.suppress(OSError):
        if values := run.scores().get("by_heart"):
            step, value = max(values.items())
            words = f"{MEASURES['by_heart'].label}: {value:.2f} at step {step:,}. {MEASURES['by_heart'].meaning}"
            (st.warning if value < COPIES else st.caption)(words)
        st.image(path.read_bytes(), alt="The ten samples nearest to pictures learned from, each above those")
        st.caption(
            "Under each of these samples the learned picture nearest to it, by our own network and then in pixels."
        )
