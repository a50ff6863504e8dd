"""The Train page: your own images become a generator. It writes requests into run folders and reads what is there.

Nothing is computed here; a worker process trains (`core.runs`), so closing this page changes nothing.
"""

from collections import Counter

import streamlit as st

from core.runs import lifecycle, processes, states
from core.runs.run_folder import Run
from ui.telling import plain, telling
from ui.train import by_heart, checkpoints, compare, doctor, duel, new_run, tell, view


def main() -> None:
    st.title("Train")
    with telling():
        processes.start_next()
    everything = {run.id: run for run in lifecycle.all_runs()}
    names = Counter(run.name for run in everything.values())
    ids = [None, *everything]
    asked = st.query_params.get("run")
    chosen = st.selectbox(
        "Run",
        ids,
        ids.index(asked) if asked in everything else 0,
        lambda i: "A new run" if i is None else named(everything[i], names),
        label_visibility="collapsed",
    )
    view.show(chosen)
    if chosen is None:
        new_run.ask()
    elif everything[chosen].status == states.DAMAGED:
        st.error("The folder of this run cannot be read. It can only be deleted.")
        view.manage(everything[chosen])
    else:
        one_run(everything[chosen])


def named(run: Run, names: Counter) -> str:
    return run.name if names[run.name] == 1 else f"{run.name} ({run.id})"


def one_run(run: Run) -> None:
    at_work = run.alive or run.status == states.QUEUED
    st.fragment(watched, run_every=view.LOOK_SECONDS if at_work else None)(run, run.status)
    if run.samples() or run.alive:
        duel.show(run, run.status)
    checkpoints.show(run)
    compare.show(run)
    view.manage(run)


def watched(run: Run, status: str) -> None:
    """What changes while a run is worked on. When its status changes, the whole page is drawn anew."""
    with telling():
        processes.start_next()
    if run.status != status:
        st.rerun()
    st.badge(view.WORDS[status], color=view.COLOURS.get(status, "grey"))
    state, found = run.state, doctor.diagnosed(run)
    tell.tell(run, found)
    doctor.line(run, found, treated)
    if status == states.QUEUED:
        st.caption(view.waiting(processes.queue_position(run)))
    if status in view.GETTING_READY and not run.samples():
        view.getting_ready(state)
    elif state.get("message"):
        (st.error if status == states.FAILED else st.info)(plain(state["message"]))
    if status == states.INTERRUPTED:
        st.warning("The process that trained this run is gone. Resume, and it goes on from its last checkpoint.")
    view.buttons(run, status)
    doctor.healing(run, status)
    if status == states.FINISHED and run.result:
        checkpoints.why_kept(run)
    if not run.samples():
        view.check_up(run)
    else:
        view.progress(run, state)
        by_heart.show(run)
        with st.expander("The images"):
            view.check_up(run)


def treated(new: Run) -> None:
    """The run that a cure made is shown from now on."""
    view.show(new.id)
    st.rerun()


main()
