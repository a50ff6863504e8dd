"""A pair of runs side by side: what both have made at the same step, and what is said of them. Pieces for
`pages/lab.py`; nothing is computed here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import streamlit as st

from core.gan import lab
from core.gan.request import TrainRequest
from core.runs import lifecycle, processes, states
from core.runs.run_folder import Run
from ui.telling import plain, telling
from ui.train import curves, doctor, view

SHOWN = ("kid", "diversity", "loss_d", "loss_g")  # curves of all, over one another
KEPT = ("size", "colour", "shape", "steps", "by_folder")  # settings that both runs share: the pictures are the same


def sickness() -> tuple[str, str]:
    """Which mistake, and on which set."""
    kind = st.radio("What goes wrong", lab.SICKNESSES, format_func=lambda name: lab.SICKNESSES[name].label,
                    captions=[about.meaning for about in lab.SICKNESSES.values()])  # fmt: skip
    sets = lab.SETS
    return kind, st.radio("Pictures", sets, format_func=sets.get, horizontal=True)


def own_settings(runs: Sequence[Run]) -> tuple[Run, dict, int]:
    """A run whose pictures to use, the settings of the first that differ from its own, and how long."""
    by_id = {run.id: run for run in runs}
    run = by_id[st.selectbox("Whose pictures and settings", by_id, format_func=lambda i: by_id[i].name)]
    steps = st.number_input("Steps", 20, run.request.steps, min(run.request.steps, lab.HEALTHY["steps"]), step=20,
                            key=f"lab-steps-{run.id}")  # fmt: skip
    st.caption("The first one's settings; its twin keeps those of the run.")
    names = [name for name in view.SETTINGS if name not in KEPT]
    values = view.widgets(names, asdict(run.request), f"lab-{run.id}", of_run=True)
    TrainRequest(**{**asdict(run.request), **values})  # what does not go together is said here
    return run, {name: value for name, value in values.items() if value != getattr(run.request, name)}, int(steps)


def buttons(pair: tuple[Run, Run]) -> None:
    first, second = pair
    open_ended = [run for run in pair if run.status not in (states.FINISHED, states.FAILED)]
    with st.container(horizontal=True, vertical_alignment="center"):
        if any(run.alive or run.status == states.QUEUED for run in pair):
            if st.button("Pause", icon=":material/pause:"):
                with telling():
                    processes.pause(first)
                    st.rerun()
        elif open_ended and st.button("Go on", type="primary", icon=":material/play_arrow:"):
            with telling():
                processes.start(open_ended[0])
                st.rerun()
        for run, words in ((first, "Open the first"), (second, "Open the twin")):
            st.page_link("train.py", label=words, icon=":material/model_training:", query_params={"run": run.id})
        if not any(run.alive for run in pair) and st.button("Delete both", icon=":material/delete:", key="delete-pair"):
            with telling():
                for run in pair:
                    lifecycle.delete(run)
                st.rerun()


def side_by_side(runs: dict[str, Run]) -> None:
    """The pair, at a step that both have made, and the healed one where it is now; by what they are called here."""
    at = _step(list(runs.values())[:2])
    columns = st.columns(len(runs), gap="medium")
    for place, (called, run), step in zip(columns, runs.items(), (at, at, None), strict=False):
        with place:
            st.subheader(called, anchor=False)
            status = run.status
            st.badge(view.WORDS[status], color=view.COLOURS.get(status, "grey"))
            _progress(run, status)
            _sheet(run, step)
            doctor.line(run, doctor.diagnosed(run), lambda _: st.rerun(), evidence=False)


def _progress(run: Run, status: str) -> None:
    state, total = run.state, run.request.steps
    if status in view.GETTING_READY and not run.samples():
        view.getting_ready(state)
        return
    step = state.get("step", 0)
    st.progress(min(step / total, 1.0), f"Step {step:,.0f} of {total:,}")
    if status == states.FAILED and state.get("message"):
        st.error(plain(state["message"]))


def _step(runs: Sequence[Run]) -> int | None:
    """The one looked at: the newest that both have made, unless an earlier one is chosen."""
    common = sorted(set.intersection(*(set(run.samples()) for run in runs)))
    return view.looked_at(f"lab-{runs[0].id}", common) if common else None


def _sheet(run: Run, at: int | None) -> None:
    """Its samples at this step, or the newest."""
    sheets = run.samples()
    if not sheets:
        return
    view.sheet(sheets, at if at in sheets else max(sheets))


def over_one_another(runs: dict[str, Run]) -> None:
    curves.over_one_another(runs, SHOWN)
