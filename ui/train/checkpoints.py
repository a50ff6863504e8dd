"""The checkpoints of a run, side by side: what each makes and what was measured of it; one to keep, to go on from, to
give away. Reads run folders; nothing is computed here."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import streamlit as st
from PIL import Image

from core.errors import UserError
from core.gan.measures import DECISIVE, MEASURES
from core.pictures import images
from core.runs import processes, states
from core.runs.run_folder import Run
from ui.models import hub_box
from ui.popovers import popover
from ui.telling import plain, telling
from ui.train import view

WIDTH = 132  # px, of one checkpoint
TOLD = ("kid", "coverage", "diversity", "by_heart")  # of the measures; the others are beside their curves


def show(run: Run) -> None:
    """The strip, and what can be done with the one that is chosen."""
    steps, scores, sheets = list(run.checkpoints()), run.scores(), run.samples()
    if not steps:
        return
    made = kept(run)
    st.subheader("Checkpoints", anchor=False)
    with st.container(horizontal=True, gap="small", key="strip"):
        for step in steps:
            with st.container(width=WIDTH, gap="xsmall"):
                _samples(sheets, step)
                st.caption(_told(steps, scores, step, made))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        key = f"checkpoint-{run.id}"
        if st.session_state.get(key) not in steps:  # thinned out
            st.session_state[key] = made if made in steps else steps[-1]
        step = st.selectbox("Checkpoint", steps[::-1], format_func=lambda at: f"Step {at:,}", key=key, width=WIDTH)
        if run.status == states.FINISHED and step != made:
            why = "Makes the generator anew; the one before is replaced."
            if st.button("Keep this step", icon=":material/bookmark:", help=why):
                with telling():
                    processes.keep(run, step)
                    st.rerun()
        if st.button("Go on from here", icon=":material/fork_right:", help="A new run with the same settings."):
            with telling():
                view.branched(run, step, {})
                st.rerun()
        if run.status == states.FINISHED and run.result and step == made:
            with popover("Publish", f"run-publish-{run.id}", icon=":material/upload:"), telling():
                hub_box.give(run)


def kept(run: Run) -> int | None:
    """The step that a finished run's generator is that of."""
    recipe = _recipe(run)
    made = recipe.get("steps_made")
    return made if type(made) is int else None


def why_kept(run: Run) -> None:
    """Which step it is, and why it was kept."""
    made, why = kept(run), _recipe(run).get("kept")
    if isinstance(why, str):
        st.caption(plain(why))
    elif made is not None:
        st.caption(f"The generator is that of step {made:,}.")


def _recipe(run: Run) -> dict:
    with contextlib.suppress(UserError, OSError):  # a folder of another version, or tampered with
        if run.result:
            return images.read_recipe(run.result / "samples.png") or {}
    return {}


def _samples(sheets: Mapping[int, Path], step: int) -> None:
    """The first samples of this step, or of the nearest there is a sheet of."""
    if not sheets:
        return
    at = min(sheets, key=lambda at: abs(at - step))
    with contextlib.suppress(OSError):  # thinned out a moment ago
        st.image(_corner(str(sheets[at]), sheets[at].stat().st_mtime), width=WIDTH, alt=f"Samples at step {at:,}")


@st.cache_data(max_entries=200, show_spinner=False)
def _corner(path: str, _changed: float) -> Image.Image:
    """A quarter of a sheet, so that its samples can be seen."""
    with Image.open(path) as sheet:
        return sheet.convert("RGB").crop((0, 0, sheet.width // 2 - 1, sheet.height // 2 - 1))


def _told(steps: Sequence[int], scores: Mapping[str, Mapping[int, float]], step: int, made: int | None) -> str:
    decisive = scores.get(DECISIVE, {})
    best = MEASURES[DECISIVE].best_of(steps, decisive) if len(decisive) > 1 else None
    marks = [mark for mark, so in (("kept", step == made), ("best", step == best)) if so]
    lines = [f"**Step {step:,}**" + (f" · {' · '.join(marks)}" if marks else "")]
    lines += [
        f"{MEASURES[name].label} {MEASURES[name].shown(scores[name][step])}"
        for name in TOLD
        if step in scores.get(name, {})
    ]
    return "  \n".join(lines)
