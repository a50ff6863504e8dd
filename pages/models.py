"""The Models page: what was made here, what is bundled, what came from the Hub; fetch, delete, publish.

Nothing is computed here; how a line looks is `ui/models_look.py`'s business.
"""

import streamlit as st

from core import runs, weights
from core.errors import UserError
from core.gan import catalogue
from ui import hub_box
from ui import models_look as look
from ui.telling import telling

FAILED = st.session_state.setdefault("failed", {})  # what could not be fetched, and why


def main() -> None:
    st.title("Models")
    made_here()
    st.subheader("Came with Ganvas", divider="grey")
    for entry in sorted(weights.registry().values(), key=lambda entry: entry.kind == "features"):
        if not entry.repo:
            path = weights.BUNDLE / entry.file
            sheet = path.parent / "samples.png" if entry.kind == "generator" else None
            with look.line(entry.title, look.facts(entry, look.size_of(path)), sheet):
                if entry.kind == "generator":
                    look.opener(entry.name)
    from_the_hub()


def made_here() -> None:
    st.subheader("Made here", divider="grey")
    own = [run for run in runs.all_runs() if run.result]
    for run in own:
        file = run.result / "model.safetensors"
        steps = f"{run.state.get('step', 0):,} steps"
        facts = [steps, look.size_of(file), f"made {look.ago(file.stat().st_mtime)}"]
        with look.line(run.name, facts, run.result / "samples.png"):
            look.opener(f"run:{run.id}")
            with st.popover("Publish"):
                hub_box.give(run)
    if not own:
        st.caption("Generators you train appear here.")
        st.page_link("train.py", label="Train one", icon=":material/model_training:")


def from_the_hub() -> None:
    st.subheader("From the Hub", divider="grey")
    here = {item.name: item for item in weights.cache_entries()}
    total = sum(item.size for item in here.values())
    for entry in sorted(weights.registry().values(), key=lambda entry: entry.kind == "features"):
        if entry.repo:
            registered(entry, here.pop(entry.name, None))
    fetched = {catalogue.hub_ref(c.ref).stored: c for c in catalogue.fetched() if c.ref.startswith("hub:")}
    for item in here.values():
        choice = fetched.get(item.name)
        title, about = (choice.title, catalogue.hub_ref(choice.ref).file) if choice else (item.title, item.name)
        with look.line(title, [about, hub_box.size(item.size), f"used {look.ago(item.used)}"]):
            if choice:
                look.opener(choice.ref)
            if look.deleter(item.name):
                delete(item.name)
    if total:
        st.caption(f"{hub_box.size(total)} in {weights.cache_dir()}")
    with telling():
        if ref := hub_box.any_repository("models"):
            look.open_generator(ref)


def registered(entry: weights.Entry, there: weights.Cached | None) -> None:
    """A line for what the registry knows: fetched, to be fetched, or why that failed."""
    facts = look.facts(entry, hub_box.size(there.size) if there else entry.size)
    with look.line(entry.title, [entry.repo, *facts, *([f"used {look.ago(there.used)}"] if there else [])]):
        if there and entry.kind == "generator":
            look.opener(entry.name)
        pressed = look.deleter(entry.name) if there else look.fetcher(entry.name)
    if pressed and there:
        delete(entry.name)
    elif pressed:
        FAILED.pop(entry.name, None)
        try:
            hub_box.fetch(entry.name)
        except UserError as error:
            FAILED[entry.name] = str(error)
        st.rerun()
    if entry.name in FAILED:
        st.error(FAILED[entry.name])


def delete(name: str) -> None:
    with telling():
        weights.delete_cached(name)
        st.rerun()


main()
