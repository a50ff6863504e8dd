"""The Generate page: pictures from a generator, to look at, keep, vary, mix and download.

Widgets become a `SampleRequest`; the pieces it is made of are in `generate_look.py`. Nothing is computed here.
"""

import secrets

import streamlit as st

from core import tray
from core.gan import catalogue, points
from core.settings import SampleRequest, settings_of
from ui import generate_look as look

SETTINGS = settings_of(SampleRequest)
COUNTS = [1, 4, 9, 16, 25, 36, 64, 100, 200, 400]
FRAMES = (20, 240, 60, 10)  # least, most, usual, step
STATE = st.session_state


def main() -> None:
    st.title("Generate")
    for name, value in {"kept": [], "start": (), "selected": None, "seed": 0}.items():
        STATE.setdefault(name, value)
    settings, grid, picture = st.columns([5, 10, 6], gap="large")
    generator, about = None, {}
    with settings, look.telling():
        generator, about = choose()
    if generator is None:
        return
    with grid, look.telling():
        show({"generator": generator, **about})
    plain = {"generator": generator, **about, "sort": False}
    with picture, look.telling():
        closer(plain, STATE.selected)
    if STATE.kept:
        with look.telling():
            mix(plain)


# ---------------------------------------------------------------- what to make


def choose() -> tuple[str | None, dict]:
    """-> the generator's reference (None: it has to be fetched first), and the other settings of a request."""
    if "goto" in STATE:
        STATE.generator = STATE.pop("goto")
    titles = {c.ref: c for c in [*catalogue.choices(), *catalogue.known()]}
    ref = st.selectbox("Generator", titles, format_func=lambda r: look.title(titles[r]), key="generator")
    chosen = titles[ref]
    if not chosen.here:
        with look.telling():
            look.offer(ref)
        ref = None
    elif chosen.where == "run":
        run, _ = catalogue.run_ref(ref)
        steps = [*([None] if run.result else []), *reversed(run.checkpoints())]
        step = st.selectbox("Checkpoint", steps, format_func=lambda s: f"Step {s:,}" if s else "Finished")
        ref = f"{ref}@{step}" if step else ref
    about: dict = {"averaged": chosen.where != "run" or toggle("averaged")}
    number, dice = st.columns([3, 1], vertical_alignment="bottom")
    dice.button("", icon=":material/casino:", help="Another seed", on_click=another_seed, width="stretch")
    about["seed"] = number.number_input("Seed", 0, 2**32 - 1, step=1, key="seed", help=SETTINGS["seed"].help)
    about["count"] = st.select_slider("Pictures", COUNTS, 36, help=SETTINGS["count"].help)
    t = SETTINGS["truncation"]
    about["truncation"] = st.slider(t.label, t.lo, t.hi, t.default, t.step, help=t.help, key="truncation")
    about["sort"] = toggle("sort")
    with st.expander("Any repository on the Hub"):
        text = st.text_input("Repository", placeholder="owner/name", label_visibility="collapsed")
        if st.button("Fetch", disabled=not text):
            with look.telling():
                STATE.update(goto=look.fetch(text))
                st.rerun()
    with st.expander("Open a picture made here"):
        st.file_uploader("PNG", type="png", label_visibility="collapsed", key="opened", on_change=look.reopen)
    return ref, about


def toggle(name: str) -> bool:
    return st.toggle(SETTINGS[name].label, SETTINGS[name].default, help=SETTINGS[name].help, key=name)


def another_seed() -> None:
    STATE.update(seed=secrets.randbelow(10**6), start=())


# ---------------------------------------------------------------- what was made


def show(about: dict) -> None:
    """The grid."""
    if STATE.start:
        about = {**about, "points": STATE.start[: about["count"]]}
        st.button("Back to the seed", icon=":material/arrow_back:", on_click=lambda: STATE.update(start=()))
    result = look.made(SampleRequest(**about))
    look.pictures(result, [*STATE.kept, STATE.selected], "grid")
    look.download(result)
    if result.note:
        st.caption(result.note)


def closer(about: dict, point: str | None) -> None:
    """One picture, enlarged, and what can be done with it."""
    if point is None:
        st.caption("Click a picture to see it here, large.")
        return
    result = look.made(SampleRequest(**about | {"points": (point,)}))
    st.image(look.enlarged(result.images[0]), width="stretch", alt=f"Picture {point}")
    st.markdown(look.name_of(point))
    kept = point in STATE.kept
    if st.button("Do not keep" if kept else "Keep", icon=":material/bookmark:", width="stretch"):
        (STATE.kept.remove if kept else STATE.kept.append)(point)
        st.rerun()
    spread = st.slider("How different", 0.05, 1.0, 0.35, 0.05)
    if st.button("More like this", icon=":material/grain:", width="stretch"):
        STATE.start = points.like(point, max(look.LIKE, about["count"]), spread)
        st.rerun()
    st.download_button(
        "Download PNG", look.one_png(result, 0), f"{look.file_name(point)}.png", "image/png",
        icon=":material/download:", width="stretch", on_click="ignore",
    )  # fmt: skip
    if st.button("Send to Style", icon=":material/brush:", width="stretch"):
        st.switch_page("paint.py", query_params={"photo": tray.put(look.enlarged(result.images[0]))})


def mix(about: dict) -> None:
    """The pictures kept, ways between them, and sums of them."""
    st.subheader("Kept", divider="grey")
    look.pictures(look.made(SampleRequest(**about | {"points": tuple(STATE.kept)})), [STATE.selected], "shelf")
    between, sums = st.columns(2, gap="large")
    with between:
        st.markdown("**From one to the next**")
        frames = st.slider("Frames", *FRAMES, disabled=len(STATE.kept) < 2)
        if len(STATE.kept) < 2:
            st.caption("Keep two pictures or more.")
        elif st.toggle("Show the way", key="way"):
            look.way(look.made(SampleRequest(**about | {"points": points.way(STATE.kept, frames, closed=True)})))
    with sums:
        st.markdown("**This − that + that**")
        if len(STATE.kept) < 3:
            st.caption("Keep three pictures or more.")
            return
        labels = ("This", "minus", "plus")
        chosen = [
            column.selectbox(label, STATE.kept, place, key=f"sum-{place}")
            for place, (column, label) in enumerate(zip(st.columns(3), labels, strict=True))
        ]
        if st.toggle("Show the sum", key="sum"):
            row = (*chosen, points.arithmetic(*chosen))
            look.pictures(look.made(SampleRequest(**about | {"points": row})), [STATE.selected], "sum-row", 60)


main()
