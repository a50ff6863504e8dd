"""The Train page: your own images become a generator. It writes requests into run folders and reads what is there.

Nothing is computed here; a worker process trains (`core.runs`), so closing this page changes nothing.
"""

from collections import Counter
from dataclasses import asdict
from pathlib import Path

import streamlit as st

from core import policy, runs
from core.errors import UserError
from core.gan import data, dicebear
from core.settings import TRAIN_PRESETS, TrainRequest
from ui import train_look
from ui.train_look import SETTINGS

PRESETS = {"small": "Small sets, on a processor", "paper": "As in the DCGAN paper", "lesson": "As in the lesson"}
SOURCES = {"drawn": "Drawn here", "upload": "My files", "path": "A folder", "download": "MNIST"}
LIMITS = policy.limits()
if policy.public():  # a visitor's folders are elsewhere, and the server's own are nobody's business
    del SOURCES["path"]


def main() -> None:
    st.title("Train")
    runs.start_next()
    everything = {run.id: run for run in runs.all_runs()}
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
    train_look.show(chosen)
    if chosen is None:
        new_run()
    elif everything[chosen].status == runs.DAMAGED:
        st.error("The folder of this run cannot be read. It can only be deleted.")
        train_look.manage(everything[chosen])
    else:
        one_run(everything[chosen])


def named(run: runs.Run, names: Counter) -> str:
    return run.name if names[run.name] == 1 else f"{run.name} ({run.id})"


# ---------------------------------------------------------------- a new run


def new_run() -> None:
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("Images", divider="grey")
        source, uploads, label = choose_images()
    with right:
        st.subheader("Network", divider="grey")
        preset = st.selectbox("Preset", PRESETS, format_func=PRESETS.get)
        start_from = {**asdict(TrainRequest()), **TRAIN_PRESETS[preset]}
        values = train_look.widgets([n for n, s in SETTINGS.items() if not s.advanced], start_from, preset)
        with st.expander("Advanced"):
            values |= train_look.widgets([n for n, s in SETTINGS.items() if s.advanced], start_from, preset)
        if LIMITS.train_minutes:
            st.caption(train_look.shared())
    name = st.text_input("Name", label, max_chars=runs.MAX_NAME)
    look, start, _ = st.columns([1, 1, 2])
    check = look.button(
        "Check the images", icon=":material/search:", width="stretch", help="And measure how long it takes."
    )
    begin = start.button("Start", type="primary", icon=":material/play_arrow:", width="stretch")
    if not (check or begin):
        return
    with train_look.telling():
        if source is None:
            raise UserError("There are no images yet; add some first.")
        request = TrainRequest(**values)
        run = runs.create_with(uploads, request, name) if uploads else runs.create(request, source, name)
        (runs.check if check else runs.start)(run)
        train_look.show(run.id)
        st.rerun()


def choose_images() -> tuple[dict | None, list, str]:
    """-> where the images come from, the files to be copied into the run, and a name for the run."""
    kind = st.segmented_control("Where from", SOURCES, default="drawn", format_func=SOURCES.get, required=True)
    if kind == "upload":
        most = f" Up to {policy.megabytes(LIMITS.upload_bytes)} in all." if LIMITS.upload_bytes else ""
        st.caption(f"Pictures, or zips of pictures, with folders inside if you like.{most}")
        files = st.file_uploader("Files", accept_multiple_files=True, label_visibility="collapsed")
        uploads = [(file.name, file) for file in files]
        return ({"kind": "folder", "path": runs.UPLOADS} if files else None), uploads, "My pictures"
    if kind == "path":
        path = st.text_input("Path", placeholder=str(Path.home() / "Pictures"), help="On this computer.")
        folder = Path(path).expanduser()
        return ({"kind": "folder", "path": str(folder.absolute())} if path else None), [], folder.name or "My pictures"
    if kind == "download":
        name = st.radio("Set", data.DOWNLOADS, format_func=data.DOWNLOADS.get, horizontal=True)
        st.caption("Downloaded once, so it needs a network. Choose grey and 32 px.")
        return {"kind": "download", "name": name}, [], data.DOWNLOADS[name]
    name = st.radio("Set", dicebear.SETS, format_func=lambda n: dicebear.SETS[n].label, horizontal=True)
    count = st.slider("How many", 500, min(20_000, LIMITS.images), 3000, 500)
    st.image(train_look.examples(name), alt=f"Examples of the set {name}")
    st.caption("Drawn with DiceBear; free of rights (CC0).")
    return {"kind": "drawn", "name": name, "count": count}, [], dicebear.SETS[name].label


# ---------------------------------------------------------------- one run


def one_run(run: runs.Run) -> None:
    st.fragment(watched, run_every=2 if run.alive or run.status == runs.QUEUED else None)(run, run.status)
    train_look.manage(run)


def watched(run: runs.Run, status: str) -> None:
    """What changes while a run is worked on. When its status changes, the whole page is drawn anew."""
    runs.start_next()
    if run.status != status:
        st.rerun()
    st.badge(train_look.WORDS[status], color=train_look.COLOURS.get(status, "grey"))
    state = run.state
    if status == runs.QUEUED:
        st.caption(train_look.waiting(runs.before(run)))
    if state.get("message"):
        (st.error if status == runs.FAILED else st.info)(state["message"])
    if status == runs.INTERRUPTED:
        st.warning("The process that trained this run is gone. Resume, and it goes on from its last checkpoint.")
    train_look.buttons(run, status)
    if not run.samples():
        train_look.check_up(run)
    else:
        train_look.progress(run, state)
        with st.expander("The images"):
            train_look.check_up(run)


main()
