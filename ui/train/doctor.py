"""What the doctor says of a run, on the page: one line, what shows it, and the cures with a button each.

Reads run folders (`core.gan.doctor`). A cure is a branch: the run itself stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from core.errors import UserError
from core.gan import doctor
from core.gan.doctor import Cure, Diagnosis, cures
from core.runs import lifecycle, processes, states
from core.runs.run_folder import Run
from ui.telling import answered, answering, plain, telling
from ui.train import curves

OFFERED = 3  # cures; the first is the best
COLOURS = {"early": "grey", "done": "blue", "learning": "green", "oscillating": "green"}


def diagnosed(run: Run) -> Diagnosis | None:
    """None where nothing can be said of a run."""
    try:
        return doctor.diagnose(run)
    except UserError:
        return None


def line(run: Run, found: Diagnosis | None, treated: Callable[[Run], None], *, evidence: bool = True) -> None:
    """The line under a run's head. `treated` is told the run that a cure made, which has been started."""
    if found is None:
        return
    st.markdown(
        f":{COLOURS.get(found.name, 'red')}-badge[:material/stethoscope: {found.label}] {plain(found.sentence)}"
    )
    if found.sick:
        _cures(run, found.cures[:OFFERED], treated)
    if evidence and found.evidence:
        with st.expander("What shows it"):
            st.caption(found.meaning)
            for one in found.evidence:
                curves.marked(run, one.curve, one.first, one.last, one.words)


def _cures(run: Run, offered: Sequence[Cure], treated: Callable[[Run], None]) -> None:
    with st.container(horizontal=True):
        for number, cure in enumerate(offered):
            if cure.advice:
                st.caption(f"{plain(cure.label)}: {plain(cure.sentence)}")
                continue
            kind = "primary" if number == 0 else "secondary"
            key = f"cure-{run.id}-{cure.name}"
            if st.button(cure.label, key=key, type=kind, icon=":material/healing:", help=plain(cure.sentence)):
                with telling():
                    treated(treat(run, cure))


def treat(run: Run, cure: Cure) -> Run:
    """The branch with this cure, started; the run pauses, and so does its twin, or it would have to wait for them."""
    new = cures.apply(run, cure)
    if run.alive:
        processes.pause(run)
    processes.start(new)
    return new


def _set_healing(run: Run, key: str) -> None:
    with answering(key):
        lifecycle.set_healing(run, st.session_state[key])


def healing(run: Run, status: str) -> None:
    """The switch for healing it unattended, and the diary of what was done."""
    if status not in (states.FINISHED, states.FAILED):
        key, told = f"heal-{run.id}", "Found sick, it pauses, and a new run with the best cure goes on in its place."
        st.session_state[key] = run.heals  # which the worker may have changed
        st.toggle("Heal by itself", key=key, help=told, on_change=_set_healing, args=(run, key))
        answered(key)
    if diary := run.diary():
        with st.expander("Diary"):
            for entry in diary:
                words = " ".join(entry[name] for name in ("said", "cure") if name in entry)
                st.markdown(f"**Step {entry.get('step', 0):,.0f}** {plain(words)}")
