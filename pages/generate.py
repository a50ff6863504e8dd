"""The Generate page: pictures from a generator, to look at, keep, vary, mix and download.

Widgets become a `SampleRequest`; the pieces it is made of are in `ui/`. Nothing is computed here.
"""

import secrets

import streamlit as st

from core.gan import points
from core.gan.request import SampleRequest
from core.gan.zoo import catalogue
from core.visitors import policy, tray
from ui.generate import files, mix, view
from ui.models import hub_box
from ui.telling import plain, telling

SETTINGS = policy.settings_of(SampleRequest)
STATE = st.session_state


def main() -> None:
    st.title("Generate")
    for name, value in {"kept": [], "start": (), "selected": None, "seed": 0, "count": 36}.items():
        STATE.setdefault(name, value)
    settings, grid, picture = st.columns([5, 10, 6], gap="large")
    generator, about = None, {}
    with settings, telling():
        generator, about = choose()
    if generator is None:
        return
    with grid, telling():
        show({"generator": generator, **about})
    plain = {"generator": generator, **about, "sort": False}
    with picture, telling():
        closer(plain, STATE.selected)
    if STATE.kept:
        with telling():
            mix.mix(plain)


# ---------------------------------------------------------------- what to make


def choose() -> tuple[str | None, dict]:
    """-> the generator's reference (None: it has to be fetched first), and the other settings of a request."""
    if "goto" in STATE:
        STATE.generator = STATE.pop("goto")
    titles = {c.ref: c for c in [*catalogue.choices(), *catalogue.fetchable()]}
    ref = st.selectbox("Generator", titles, format_func=lambda r: view.title(titles[r]), key="generator")
    chosen = titles[ref]
    if not chosen.here:
        with telling():
            hub_box.offer(ref)
        ref = None
    elif chosen.where == "run":
        ref = view.checkpoint_of(ref)
    about: dict = {"averaged": chosen.where != "run" or toggle("averaged")}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        about["seed"] = st.number_input("Seed", 0, 2**32 - 1, step=1, key="seed", help=SETTINGS["seed"].help)
        st.button("", icon=":material/casino:", help="Another seed", on_click=another_seed)
    about["count"] = st.select_slider("Pictures", view.counts(), help=SETTINGS["count"].help, key="count")
    t = SETTINGS["truncation"]
    about["truncation"] = st.slider(t.label, t.lo, t.hi, t.default, t.step, help=t.help, key="truncation")
    about["sort"] = toggle("sort", chosen.has_discriminator, "This one came without its discriminator.")
    with st.popover("More generators", icon=":material/cloud_download:", width="stretch"), telling():
        if fetched := hub_box.any_repository("generate"):
            STATE.goto = fetched
            st.rerun()
    with st.popover("Open a picture made here", icon=":material/image_search:", width="stretch"):
        st.caption("A PNG that was downloaded from this page: it knows how it was made.")
        st.file_uploader("PNG", type="png", label_visibility="collapsed", key="opened", on_change=view.reopen)
    return ref, about


def toggle(name: str, possible: bool = True, why_not: str = "") -> bool:
    about = SETTINGS[name]
    words = about.help if possible else why_not
    return st.toggle(about.label, about.default, key=name, disabled=not possible, help=words) and possible


def another_seed() -> None:
    STATE.update(seed=secrets.randbelow(10**6), start=())


# ---------------------------------------------------------------- what was made


def show(about: dict) -> None:
    """The grid."""
    if STATE.start:
        about = {**about, "points": STATE.start[: about["count"]]}
        st.button("Back to the seed", icon=":material/arrow_back:", on_click=lambda: STATE.update(start=()))
    result = view.made(SampleRequest(**about))
    if result.note:
        st.caption(plain(result.note))
    view.pictures(result, [*STATE.kept, STATE.selected], "grid")
    files.grid(result)


def closer(about: dict, point: str | None) -> None:
    """One picture, enlarged, and what can be done with it."""
    if point is None:
        st.caption("Click a picture to see it here, large.")
        return
    result = view.made(SampleRequest(**about | {"points": (point,)}))
    st.image(view.enlarged(result.images[0]), width="stretch", alt=f"Picture {point}")
    st.markdown(view.name_of(point))
    kept = point in STATE.kept
    if st.button("Do not keep" if kept else "Keep", icon=":material/bookmark:", width="stretch"):
        (STATE.kept.remove if kept else STATE.kept.append)(point)
        st.rerun()
    spread = st.slider("How different", 0.05, 1.0, 0.35, 0.05)
    if st.button("More like this", icon=":material/grain:", width="stretch"):
        STATE.start = points.variations(point, max(view.LIKE, about["count"]), spread)
        st.rerun()
    files.button("Download PNG", files.one(result, 0), files.name_of(point), "stretch")
    if st.button("Send to Style", icon=":material/brush:", width="stretch"):
        st.switch_page("paint.py", query_params={"photo": tray.put(view.enlarged(result.images[0]))})


main()
