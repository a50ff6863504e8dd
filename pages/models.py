"""The Models page: what was made here, what is bundled, what came from the Hub; fetch, delete, publish.

Nothing is computed here; how a line looks is `ui/models/view.py`'s business.
"""

import streamlit as st

from core import amounts
from core.errors import UserError
from core.gan.zoo import catalogue
from core.hub import cache, registry
from core.hub.registry import Entry
from core.runs import lifecycle
from core.visitors import policy
from ui.models import hub_box, view
from ui.telling import plain, telling

OWNER = not policy.public()
FAILED = st.session_state.setdefault("failed", {})  # what could not be fetched, and why


def main() -> None:
    st.title("Models")
    made_here()
    st.header("Came with Ganvas", divider="grey")
    for entry in sorted(registry.entries().values(), key=lambda entry: entry.kind != "generator"):
        if not entry.repo:
            path = registry.BUNDLE / entry.file
            sheet = path.parent / "samples.png" if entry.kind == "generator" else None
            with view.line(entry.title, [view.size_of(path), *view.facts(entry)], sheet):
                if entry.kind == "generator":
                    view.opener(entry.name)
    from_the_hub()


def made_here() -> None:
    st.header("Made here", divider="grey")
    own = [run for run in lifecycle.all_runs() if run.result]
    for run in own:
        file = run.result / "model.safetensors"
        steps = f"{run.state.get('step', 0):,} steps"
        facts = [steps, view.size_of(file), f"made {amounts.ago(file.stat().st_mtime)}"]
        with view.line(run.name, facts, run.result / "samples.png"):
            view.opener(f"run:{run.id}")
            with st.popover("Publish"):
                hub_box.give(run)
    if not own:
        st.caption("Generators you train appear here.")
        st.page_link("train.py", label="Train one", icon=":material/model_training:")


def from_the_hub() -> None:
    st.header("From the Hub", divider="grey")
    here = {item.name: item for item in cache.entries()}
    for entry in sorted(registry.entries().values(), key=lambda entry: entry.kind != "generator"):
        if entry.repo:
            registered(entry, here.get(entry.name))
    others = {name: item for name, item in here.items() if name not in registry.entries()}
    for choice in catalogue.fetched():
        where = catalogue.hub_ref(choice.ref) if choice.ref.startswith("hub:") else None
        if where and (item := others.pop(where.stored, None)):
            with view.line(choice.title, [where.file, *view.cached(item)]):
                view.opener(choice.ref)
                if OWNER and view.deleter(item.name):
                    delete(item.name)
    if OWNER:  # strangers see what they themselves fetched, and the cache is everybody's
        for item in others.values():
            with view.line(item.title, view.cached(item)):
                if view.deleter(item.name):
                    delete(item.name)
        if here:
            st.caption(f"{amounts.size(sum(item.size for item in here.values()))} in {cache.folder()}")
    else:
        st.caption(f"Up to {amounts.megabytes(policy.limits().download_bytes)} can be fetched from a repository here.")
    with telling():
        if ref := hub_box.any_repository("models"):
            view.open_generator(ref)


def registered(entry: Entry, there: cache.Cached | None) -> None:
    """A line for what the registry knows: fetched, to be fetched, or why that failed."""
    facts = view.facts(entry)
    with view.line(entry.title, [entry.repo, *facts, *(view.cached(there) if there else [entry.size])]):
        if there and entry.kind == "generator":
            view.opener(entry.name)
        pressed = (OWNER and view.deleter(entry.name)) if there else view.fetcher(entry.name)
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
        st.error(plain(FAILED[entry.name]))


def delete(name: str) -> None:
    with telling():
        cache.delete(name)
        st.rerun()


main()
