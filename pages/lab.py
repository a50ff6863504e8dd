"""The Lab page: a training made sick on purpose, beside a healthy twin, in step; then it is healed.

Nothing is computed here; both are runs like any others (`core.gan.lab`), trained by processes of their own.
"""

import streamlit as st

from core.errors import UserError
from core.gan import lab
from core.gan.data import prepare
from core.runs import lifecycle, processes, states, twins
from core.runs.run_folder import Run
from core.visitors import policy
from ui.lab import view
from ui.lasting import lasting
from ui.telling import telling
from ui.train.view import LOOK_SECONDS, public_limits

WAYS = {"sickness": "A ready-made sickness", "own": "Two settings of my own"}


def main() -> None:
    st.title("Lab")
    with telling():
        processes.start_next()
    pairs = {first.id: (first, second) for first, second in twins.pairs()}
    ids = [None, *pairs]
    asked = st.query_params.get("pair")
    chosen = st.selectbox(
        "Pair", ids, ids.index(asked) if asked in pairs else 0,
        lambda i: "A new pair" if i is None else pairs[i][0].name, label_visibility="collapsed",
    )  # fmt: skip
    show(chosen)
    if chosen is None:
        new_pair()
    else:
        one_pair(pairs[chosen])


def show(pair: str | None) -> None:
    """In the address, so that a reload finds it again."""
    if pair:
        st.query_params["pair"] = pair
    else:
        st.query_params.pop("pair", None)


def new_pair() -> None:
    st.caption("A training goes wrong before your eyes, beside a healthy twin that begins alike. Then it is healed.")
    trained = [run for run in lifecycle.all_runs() if run.status != states.DAMAGED and prepare.sound(run.path)]
    way = "sickness"
    if trained:
        way = st.segmented_control("Which", WAYS, format_func=WAYS.get, required=True, key=lasting("lab-way", way))
    with telling():
        if way == "own":
            run, changes, steps = view.own_settings(trained)
        else:
            kind, drawn = view.sickness()
        if policy.limits().train_minutes:
            st.caption(public_limits())
        if st.button("Break it", type="primary", icon=":material/heart_broken:"):
            pair = lab.vary(run, changes, steps) if way == "own" else lab.break_it(kind, drawn)
            show(pair[0].id)
            try:
                processes.start(pair[0])
            except UserError:
                for one in pair:
                    lifecycle.remove(one)
                show(None)
                raise
            st.rerun()


def one_pair(pair: tuple[Run, Run]) -> None:
    healed = lab.healed(pair[0])
    runs = [*pair, *([healed] if healed else [])]
    busy = any(run.alive or run.status == states.QUEUED for run in runs)
    st.fragment(watched, run_every=LOOK_SECONDS if busy else None)(pair, [run.status for run in runs])


def watched(pair: tuple[Run, Run], statuses: list[str]) -> None:
    """What changes while they are worked on. When a status changes, the whole page is drawn anew."""
    with telling():
        processes.start_next()
    healed = lab.healed(pair[0])
    runs = {"As it should not be": pair[0], "Healthy twin": pair[1], **({"Healed": healed} if healed else {})}
    if [run.status for run in runs.values()] != statuses:
        st.rerun()
    view.buttons(pair)
    view.side_by_side(runs)
    view.over_one_another(runs)


main()
