"""Two runs compared: settings that differ, their curves over one another, and what both make of the same latents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

import streamlit as st

from core.gan.request import SampleRequest
from core.pictures import images
from core.runs import lifecycle, states
from core.runs.run_folder import Run
from core.settings import settings_of
from ui.generate.view import made
from ui.telling import plain, telling
from ui.train import curves

SAMPLES = 16


def show(run: Run) -> None:
    others = {other.id: other for other in lifecycle.all_runs() if other != run and other.status != states.DAMAGED}
    if not others:
        return
    key = f"compare-{run.id}"
    if st.session_state.get(key) not in others:
        st.session_state[key] = None
    chosen = st.selectbox("Compare with another run", _nearest_first(run, others), format_func=lambda i: others[i].name,
                          index=None, placeholder="Choose one", key=key)  # fmt: skip
    if chosen:
        with telling():
            both(run, others[chosen])


def both(run: Run, other: Run) -> None:
    names = names_of(run, other)
    differing = differences(run, other)
    if differing:
        columns = ["Setting", *names]
        st.dataframe({c: [row[at] for row in differing] for at, c in enumerate(columns)}, hide_index=True)
    else:
        st.caption("Their settings are the same.")
    curves.over_one_another(dict(zip(names, (run, other), strict=True)))
    _samples(run, other, names)


def names_of(run: Run, other: Run) -> tuple[str, str]:
    return (run.name, other.name) if run.name != other.name else (f"{run.name} ({run.id})", f"{run.name} ({other.id})")


def differences(run: Run, other: Run) -> list[tuple[str, str, str]]:
    """Label, and the value of each, of all settings that are not the same; where the pictures come from, too."""
    found = []
    mine, theirs = asdict(run.request), asdict(other.request)
    for name, about in settings_of(type(run.request)).items():
        if mine[name] != theirs[name]:
            shown = [about.choices.get(values[name], str(values[name])) for values in (mine, theirs)]
            found.append((about.label, *shown))
    sources = [_source(each) for each in (run, other)]
    return found + ([("Pictures", *sources)] if sources[0] != sources[1] else [])


def _source(run: Run) -> str:
    source = run.config.get("source")
    return " ".join(str(value) for value in source.values()) if isinstance(source, dict) else "not known"


def _nearest_first(run: Run, others: Mapping[str, Run]) -> list[str]:
    """The run it branched from, and those that branched from it, before the others."""
    parent = run.config.get("branch_of")
    return sorted(others, key=lambda i: i != parent and others[i].config.get("branch_of") != run.id)


def _samples(run: Run, other: Run, names: tuple[str, str]) -> None:
    """By both generators, of the same latents; where those are of another number, of the same seed."""
    if not all(each.result or each.checkpoints() for each in (run, other)):
        return
    alike = run.request.latent == other.request.latent
    st.caption("From the same latents" if alike else "From the same seed; their latents are not as many numbers")
    if not st.toggle("Samples of both", key=f"compare-samples-{run.id}", help="Both generators are opened for it."):
        return
    for place, each, name in zip(st.columns(2), (run, other), names, strict=True):
        with place, telling():
            result = made(SampleRequest(generator=f"run:{each.id}", count=SAMPLES))
            st.image(images.grid(list(result.images), gap=2), caption=plain(name), width="stretch",
                     alt=f"Samples of {name}")  # fmt: skip
