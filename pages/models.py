"""The Models page: what is bundled, fetched and made here; fetch, delete, publish. Nothing is computed here."""

import time
from collections.abc import Callable
from pathlib import Path

import streamlit as st

from core import publish, runs, weights
from core.errors import UserError
from core.gan import catalogue
from ui import generate_look as look

FAILED = st.session_state.setdefault("failed", {})  # what could not be fetched, and why


def main() -> None:
    st.title("Models")
    st.subheader("Bundled", divider="grey")
    for entry in weights.registry().values():
        if not entry.repo:
            path = weights.BUNDLE / entry.file
            row(entry.title, f"{entry.architecture}. Licence: {entry.licence}.", size_of(path))
    here = {item.name: item for item in weights.cache_entries()}
    st.subheader("On the Hub", divider="grey")
    for name, entry in weights.registry().items():
        if entry.repo:
            there = here.pop(name, None)
            about = f"{entry.repo}. Licence: {entry.licence}."
            if there:
                row(entry.title, about, megabytes(there.size), f"used {ago(there.used)}", name, "Delete", delete)
            else:
                row(entry.title, about, entry.size, "not here", name, "Fetch", fetch)
    add()
    if here:
        st.subheader("Also in the cache", divider="grey")
        titles = {catalogue.hub_ref(c.ref).stored: c.title for c in catalogue.fetched() if c.ref.startswith("hub:")}
        for item in here.values():
            row(
                titles.get(item.name, item.title),
                item.name,
                megabytes(item.size),
                f"used {ago(item.used)}",
                item.name,
                "Delete",
                delete,
            )
        st.caption(f"Everything is in {weights.cache_dir()}.")
    st.subheader("Made here", divider="grey")
    own = [run for run in runs.all_runs() if run.result]
    for run in own:
        file = run.result / "model.safetensors"
        steps = f"{run.state.get('step', 0):,} steps"
        place = row(run.name, steps, size_of(file), f"made {ago(file.stat().st_mtime)}")
        with place.popover("Publish", icon=":material/upload:", width="stretch"):
            give(run)
    if not own:
        st.caption("Generators you train appear here.")
        st.page_link("train.py", label="Train one", icon=":material/model_training:")


def row(
    title: str, about: str, size: str, used: str = "", name: str = "", label: str = "", act: Callable | None = None
):
    """One line of a list; returns the place for its buttons."""
    what, much, when, place = st.columns([6, 2, 2, 2], vertical_alignment="center")
    what.markdown(f"**{title}**")
    what.caption(about)
    much.caption(size)
    when.caption(used)
    icons = {"Fetch": ":material/download:", "Delete": ":material/delete:"}
    if act and place.button(label, key=f"{label}-{name}", icon=icons[label], width="stretch"):
        act(name)
    if name in FAILED:
        st.error(FAILED[name])
    return place


def size_of(path: Path) -> str:
    return megabytes(path.stat().st_size) if path.exists() else "missing"


def megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"


def ago(when: float) -> str:
    """A time in words."""
    seconds = time.time() - when
    for length, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= length:
            number = int(seconds // length)
            return f"{number} {unit}{'s' if number > 1 else ''} ago"
    return "just now"


# ---------------------------------------------------------------- fetch, delete, publish


def fetch(name: str) -> None:
    FAILED.pop(name, None)
    try:
        look.fetch(name)
    except UserError as error:
        FAILED[name] = str(error)
    st.rerun()


def delete(name: str) -> None:
    with look.telling():
        weights.delete_cached(name)
        st.rerun()


def add() -> None:
    text, button = st.columns([10, 2], vertical_alignment="bottom")
    typed = text.text_input("Any other repository with a generator", placeholder="owner/name", key="repository")
    if button.button("Fetch", disabled=not typed, icon=":material/download:", width="stretch"):
        with look.telling():
            ref = look.fetch(typed)
            st.session_state.goto = ref
            st.switch_page("generate.py")


def give(run: runs.Run) -> None:
    """To the Hub. The token is a widget's value for as long as it takes, and nowhere else."""
    repo = st.text_input("Repository", placeholder=f"your-name/{run.id}", key=f"repo-{run.id}")
    licence = st.selectbox("Licence of the training images", publish.LICENCES, format_func=publish.LICENCES.get,
                           key=f"licence-{run.id}")  # fmt: skip
    private = st.toggle("Private", True, key=f"private-{run.id}")
    token = st.text_input("Token that may write", type="password", key=f"token-{run.id}",
                          help="Used this once, not stored. Empty: the one in HF_TOKEN.")  # fmt: skip
    if st.button("Publish", type="primary", key=f"publish-{run.id}"):
        with look.telling():
            bar = st.progress(0.0)
            address = publish.publish(run.result, repo, token, private=private, data_licence=licence,
                                      progress=lambda step, of, doing: bar.progress(step / of, doing))  # fmt: skip
            st.success(f"Published: {address}")


main()
