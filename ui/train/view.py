"""What a training run looks like on its page: widgets of settings, the check-up, the progress, its management.

Pieces for `pages/train.py`. They read run folders and call `core.runs`; nothing is computed here.
"""

from __future__ import annotations

import contextlib
import io
import zipfile
from dataclasses import asdict, replace
from pathlib import Path

import streamlit as st

from core import amounts
from core.errors import UserError
from core.gan import measures
from core.gan.data import prepare
from core.gan.doctor.signals import pictures_of
from core.gan.request import TrainRequest
from core.pictures import images
from core.runs import lifecycle, processes, run_folder, states
from core.runs.run_folder import Run
from core.settings import settings_of
from core.visitors import policy
from ui import numbers
from ui.lasting import lasting
from ui.models.view import open_generator
from ui.popovers import close, popover
from ui.telling import plain, telling
from ui.train import curves

SETTINGS = settings_of(TrainRequest)
LOOK_SECONDS = 2.0  # between looks at a run that is worked on
WORDS = {
    states.NEW: "not begun", states.CHECKING: "looking at the images", states.READY: "ready to start",
    states.QUEUED: "waiting for another run", states.STARTING: "starting", states.RUNNING: "training",
    states.PAUSED: "paused", states.FINISHED: "finished", states.FAILED: "failed",
    states.INTERRUPTED: "interrupted: its process is gone", states.DAMAGED: "damaged",
}  # fmt: skip
COLOURS = {
    states.RUNNING: "green",
    states.FINISHED: "blue",
    states.FAILED: "red",
    states.INTERRUPTED: "orange",
    states.QUEUED: "violet",
}
GETTING_READY = (states.CHECKING, states.STARTING, states.RUNNING)
HELP = {"Finish here": "Makes the generator of what has been learned so far.", "Pause": "Saves; it can go on any time."}


def show(run_id: str | None) -> None:
    """In the address, so that a reload, a bookmark and another tab find the run again."""
    if run_id:
        st.query_params["run"] = run_id
    else:
        st.query_params.pop("run", None)


# ---------------------------------------------------------------- before


def widgets(names: list[str], values: dict, key: str, *, of_run: bool = False) -> dict:
    """A widget for each of these settings that says something to the chosen method, made of what the setting says of
    itself; their values. `values` has all settings; `of_run`: they are those of a run."""
    chosen, settings = {}, policy.settings_of(TrainRequest)
    for name in names:
        about, own = settings[name], f"{key}-{name}"
        if not about.applies({**values, **chosen}["method"]):
            continue
        if about.choices:
            options = list(about.choices)
            first = values[name] if values[name] in options else options[-1]
            shown = about.choices.get
            own = lasting(own, first, only_here=of_run)
            chosen[name] = st.selectbox(about.label, options, format_func=shown, help=about.help, key=own)
        elif about.type is bool:
            own = lasting(own, values[name], only_here=of_run)
            chosen[name] = st.toggle(about.label, help=about.help, key=own)
        else:
            chosen[name] = numbers.field(about, own, min(values[name], about.hi), only_here=of_run)
            numbers.wrong(about, chosen[name])
    return chosen


def public_limits() -> str:
    """What a run may take where strangers come, said beside its settings."""
    limits = policy.limits()
    sizes = policy.settings_of(TrainRequest)["size"].choices
    return (
        f"On this shared computer: up to {max(sizes)} px, {limits.images:,} pictures, {limits.train_minutes:g} minutes "
        f"and {limits.runs} runs, kept for {limits.hours:g} hours. {policy.ELSEWHERE[0].upper()}{policy.ELSEWHERE[1:]}."
    )


def waiting(before: int) -> str:
    """How long the line is."""
    return f"{before} {'run is' if before == 1 else 'runs are'} trained before this one."


# ---------------------------------------------------------------- a run


def buttons(run: Run, status: str) -> None:
    begun = bool(run.checkpoints())
    offered = {}
    if status == states.CHECKING:
        offered["Cancel"] = (processes.pause, ":material/close:")
    elif status in (states.RUNNING, states.STARTING, states.QUEUED):
        offered["Pause"] = (processes.pause, ":material/pause:")
    elif status != states.FINISHED or run.state.get("step", 0) < run.request.steps:
        offered["Resume" if begun else "Start"] = (processes.start, ":material/play_arrow:")
    if status == states.FINISHED and run.result:
        offered = {"Play with it": (lambda run: open_generator(f"run:{run.id}"), ":material/grid_view:"), **offered}
    if status == states.RUNNING or (begun and status != states.FINISHED and not run.alive):
        offered["Finish here"] = (processes.stop, ":material/stop:")
    for number, (column, (label, (action, icon))) in enumerate(zip(st.columns(4), offered.items(), strict=False)):
        kind = "primary" if number == 0 and label not in ("Cancel", "Pause") else "secondary"
        if column.button(label, icon=icon, type=kind, width="stretch", help=HELP.get(label)):
            with telling():
                action(run)
                st.rerun()


def check_up(run: Run) -> None:
    """What was found among the images, and what the run will take."""
    report, budget = prepare.read_report(run.path), run.budget
    if budget:
        st.markdown(
            f"**{amounts.duration(budget['seconds'])}** for {run.request.steps:,} steps on this computer; "
            f"{budget['seconds_per_thousand']:.1f} seconds per thousand images, from {budget['steps']} measured steps."
        )
    if report is None:
        return
    st.markdown(f"**{report.usable:,} of {report.found:,}** images can be used. {prepare.advice(report.usable)}")
    if report.classes:
        st.markdown(f"**{len(report.classes)} classes:** {plain(', '.join(report.classes))}")
    advise(run, report.usable)
    noticed = {
        "Copies, left out": report.duplicates, "Smaller than needed, enlarged": report.too_small,
        "Of an odd shape": report.odd_shapes, "Grey": report.grey, "Transparent": report.transparent,
        "Unusable": report.unusable,
    }  # fmt: skip
    st.caption(" · ".join(f"{what}: {count:,}" for what, count in noticed.items() if count))
    st.image(str(run.path / "data" / "preview.png"), caption="As the network sees them", alt="Some of the images")
    if report.problems:
        with st.expander(f"{report.unusable:,} files cannot be used"):
            st.text("\n".join(report.problems))


def advise(run: Run, count: int) -> None:
    """What would help with so few images and is off, and the button that turns it on."""
    names = prepare.missing(count, run.request)
    if not names:
        return
    labels = [SETTINGS[name].label for name in names]
    turned_on = dict.fromkeys(names, True)
    begun = bool(run.checkpoints())
    what = f"{', '.join(labels[:-1])} and {labels[-1]}" if len(labels) > 1 else labels[0]
    words = f"Branch with {what}" if begun else f"Turn on {what}"
    why = "So few images are copied rather than learned from; varied ones are not."
    if not begun and run.status not in (states.NEW, states.READY, states.FAILED):
        return  # it is at work
    if st.button(words, icon=":material/auto_fix_high:", help=why, key=f"advice-{run.id}"):
        with telling():
            if begun:
                branched(run, max(run.checkpoints()), turned_on)
            else:
                lifecycle.change(run, replace(run.request, **turned_on))
                for name in names:  # the widgets of the settings show what is so
                    st.session_state.pop(f"change-{run.id}-{name}", None)
            st.rerun()


def getting_ready(state: dict) -> None:
    """How far the images are, while there is nothing of the training to see."""
    share = state.get("share")
    known = isinstance(share, int | float) and 0 <= share <= 1
    st.progress(share if known else 0.0, plain(str(state.get("message") or "Starting")))


def progress(run: Run, state: dict) -> None:
    step, total = state.get("step", 0), run.request.steps
    left = state.get("seconds_left") if run.alive else None
    still = f" · {amounts.duration(left)} left" if left else ""
    st.progress(min(step / total, 1.0), f"Step {step:,} of {total:,}{still}")
    left, right = st.columns(2, gap="large")
    with left:
        sheets = run.samples()
        at = looked_at(run.id, list(sheets))
        sheet(sheets, at)
        if len(sheets) > 1:
            st.download_button(
                "Time-lapse", lambda: time_lapse(sheets), f"{run.id}.webp", "image/webp", icon=":material/movie:",
                on_click="ignore",
            )  # fmt: skip
    with right:
        metrics = run.metrics()
        seen, speed, lasted = st.columns(3)
        seen.metric("Images seen", f"{step * run.request.batch:,}")
        pace = metrics[-1].get("images_per_second") if metrics else None
        speed.metric("Images per second", "–" if pace is None else f"{pace:,.0f}")
        lasted.metric("Trained for", amounts.duration(state.get("seconds", 0)))
        curves.losses(metrics)
        scores, pictures = run.scores(), pictures_of(run)
        curves.scores(scores, run.request.method, list(run.checkpoints()), at if len(sheets) > 1 else None)
        if scores and pictures is not None and (told := measures.too_few(pictures)):
            st.caption(told)


def sheet(sheets: dict[int, Path], at: int) -> None:
    """The samples of this step."""
    with contextlib.suppress(OSError):  # thinned out a moment ago
        st.image(sheets[at].read_bytes(), width="stretch", caption=f"Step {at:,}", alt=f"Samples at step {at}")


def looked_at(run_id: str, steps: list[int]) -> int:
    """The sheet the slider is at: the newest, until it is moved back, then where it was left."""
    key, newest = f"look-{run_id}", f"newest-{run_id}"
    if st.session_state.get(key) not in steps or st.session_state[key] == st.session_state.get(newest):
        st.session_state[key] = steps[-1]
    st.session_state[newest] = steps[-1]
    return st.select_slider("Look back", steps, key=key) if len(steps) > 1 else steps[-1]


def time_lapse(sheets: dict[int, Path]) -> bytes:
    file, frames = io.BytesIO(), []
    for path in sheets.values():
        with contextlib.suppress(UserError):
            frames.append(images.open_picture(path))
    images.animation(frames, file)
    return file.getvalue()


# ---------------------------------------------------------------- name, branch, delete


def manage(run: Run) -> None:
    st.divider()
    kept, twig, name, gone = st.columns(4)
    if run.status == states.FINISHED and run.result:
        kept.download_button(
            "Generator", lambda: zipped(run.result), f"{run.id}.zip", "application/zip", icon=":material/download:",
            width="stretch", on_click="ignore",
        )  # fmt: skip
    if run.status != states.DAMAGED and run.checkpoints():
        with twig, popover("Branch", f"run-branch-{run.id}", icon=":material/fork_right:", width="stretch"), telling():
            branch(run)
    elif run.status in (states.NEW, states.READY, states.FAILED):
        key = f"run-settings-{run.id}"
        with twig, popover("Settings", key, icon=":material/tune:", width="stretch"), telling():
            values = widgets(list(SETTINGS), asdict(run.request), f"change-{run.id}", of_run=True)
            if st.button("Check again", type="primary"):
                lifecycle.change(run, TrainRequest(**values))
                processes.start_check(run)
                close(key)
                st.rerun()
    if run.status != states.DAMAGED:
        key = f"run-rename-{run.id}"
        with name, popover("Rename", key, icon=":material/edit:", width="stretch"), telling():
            wanted = st.text_input("New name", run.name, max_chars=run_folder.MAX_NAME)
            if st.button("Rename"):
                lifecycle.rename(run, wanted)
                close(key)
                st.rerun()
    key = f"run-delete-{run.id}"
    with gone, popover("Delete", key, icon=":material/delete:", width="stretch"), telling():
        st.markdown(f"Delete **{plain(run.name)}** with all its pictures and checkpoints? It cannot be brought back.")
        if st.button("Delete for ever", type="primary"):
            lifecycle.delete(run)
            show(None)
            close(key)
            st.rerun()


def branch(run: Run) -> None:
    st.caption("Go on from an earlier checkpoint with other settings, as a new run.")
    step = st.selectbox("From step", list(run.checkpoints())[::-1])
    start_from = {**asdict(run.request), "steps": longer(run, step)}
    names = [n for n, s in SETTINGS.items() if not s.structural]
    values = widgets(names, start_from, f"branch-{run.id}-{step}", of_run=True)
    if st.button("Make the branch", type="primary"):
        branched(run, step, values)
        close(f"run-branch-{run.id}")
        st.rerun()


def branched(run: Run, step: int, changes: dict) -> None:
    """Make the branch, and show it from now on."""
    most = policy.settings_of(TrainRequest)["steps"].hi
    changes = {"steps": min(longer(run, step), most), **changes}
    show(lifecycle.branch(run, step, changes, f"{run.name[:60]} from {step}").id)


def longer(run: Run, step: int) -> int:
    """Steps for a branch that goes on from there: the run's own, or as many again."""
    return max(run.request.steps, 2 * step)


def zipped(folder: Path) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for path in sorted(folder.iterdir()):
            if path.is_file() and not path.is_symlink():
                archive.write(path, path.name)
    return file.getvalue()
