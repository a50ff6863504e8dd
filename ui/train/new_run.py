"""What a new run is asked for with widgets; what comes of it is a run folder, which the page then shows."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import streamlit as st

from core.errors import UserError
from core.gan.request import TRAIN_PRESETS, TrainRequest, best_at
from core.runs import lifecycle, processes, run_folder
from core.visitors import policy
from ui.lasting import lasting
from ui.telling import telling
from ui.train import images, view
from ui.train.view import SETTINGS

BEST = "best"
PRESETS = {
    BEST: "Best for the size", "small": "Small sets, on a processor",
    "relativistic": "Small sets, with the loss of R3GAN",
    "progressive": "Small sets, growing progressively", "msg": "Small sets, with multi-scale gradients",
    "style": "Small sets, with styles", "projected": "Small sets, seen through features",
    "paper": "As in the DCGAN paper", "lesson": "As in the lesson, fully connected",
    "lesson_dcgan": "As in the lesson, DCGAN",
}  # fmt: skip


def ask() -> None:
    """Where its images come from, what it is to be, and the buttons that begin it."""
    left, right = st.columns(2, gap="large")
    with left:
        st.header("Images", divider="grey")
        source, uploads, label = images.choose()
    with right:
        st.header("Network", divider="grey")
        preset = st.selectbox("Preset", PRESETS, format_func=PRESETS.get, key=lasting("preset", BEST))
        values = view.widgets(["size"], _start_from(preset), preset)
        preset = best_at(values["size"]) if preset == BEST else preset
        start_from = _start_from(preset) | values
        values |= view.widgets([n for n, s in SETTINGS.items() if not (s.advanced or n in values)], start_from, preset)
        with st.expander("Advanced"):
            names = [n for n, s in SETTINGS.items() if s.advanced]
            values |= view.widgets(names, start_from | values, preset)
        if policy.limits().train_minutes:
            st.caption(view.public_limits())
    name = st.text_input("Name", max_chars=run_folder.MAX_NAME, key=lasting(f"name-{label}", label))
    with st.container(key="bar"):  # which stays in sight, and what comes of pressing with it
        answer = st.container()
        with st.container(horizontal=True):
            begin = st.button("Start", type="primary", icon=":material/play_arrow:", width=160)
            only_check = st.button("Check the images", icon=":material/search:", help="And measure how long it takes.")
    if not (only_check or begin):
        return
    with answer, telling():
        if source is None:
            raise UserError("There are no images yet; add some first.")
        request = TrainRequest(**values)
        run = lifecycle.create_with(uploads, request, name) if uploads else lifecycle.create(request, source, name)
        (processes.start_check if only_check else processes.start)(run)
        view.show(run.id)
        st.rerun()


def _start_from(preset: str) -> dict[str, Any]:
    """What the widgets say before anybody touches them."""
    return {**asdict(TrainRequest()), **TRAIN_PRESETS.get(preset, {})}
