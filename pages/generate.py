"""The Generate page: pictures from a generator, to look at, keep, vary, mix and download.

Widgets become a `SampleRequest`; the pieces it is made of are in `ui/`. Nothing is computed here.
"""

import secrets
from dataclasses import replace

import streamlit as st

from core.gan.request import SampleRequest
from core.gan.zoo import catalogue
from core.visitors import policy, shelf, tray
from ui import numbers
from ui.generate import classes, files, mix, own_file, reading, view
from ui.lasting import lasting
from ui.models import hub_box
from ui.popovers import close, popover
from ui.telling import answered, plain, telling

SETTINGS = policy.settings_of(SampleRequest)
STATE = st.session_state


def main() -> None:
    st.title("Generate")
    for name, value in {"start": (), "selected": None, "sheet": False}.items():
        STATE.setdefault(name, value)
    settings, grid, picture = st.columns([5, 10, 6], gap="large")
    chosen, about = None, {}
    with settings, telling():
        chosen, about = choose()
    if chosen is not None and chosen.readings and not chosen.chosen:
        with grid, telling():
            reading.ask(chosen)
    elif chosen is not None:
        request = SampleRequest(**about)
        with grid, telling():
            show(request)
        with picture.container(key="sheet" if STATE.sheet else "aside"), telling():
            closer(request, STATE.selected)
    if kept := shelf.kept():
        with telling():
            mix.mix(kept)


# ---------------------------------------------------------------- what to make


def choose() -> tuple[catalogue.Choice | None, dict]:
    """-> the generator (None: it has to be fetched, or a number mended, first), and the settings of a request."""
    if "goto" in STATE:
        STATE.update(generator=STATE.pop("goto"), step=None)
    titles = {c.ref: c for c in [*catalogue.choices(), *catalogue.fetchable()]}
    key = lasting("generator", next(iter(titles)))
    if STATE.generator not in titles:  # deleted meanwhile
        STATE.generator = next(iter(titles))
    ref = st.selectbox("Generator", titles, format_func=lambda r: view.title(titles[r]), key=key)
    chosen, ready = titles[ref], titles[ref].here
    if not chosen.here:
        with telling():
            hub_box.offer(ref)
    elif chosen.where == "run":
        ref = view.checkpoint_of(ref)
    about: dict = {
        "generator": ref,
        "label": classes.chooser(chosen) if chosen.classes else "",
        "averaged": chosen.where != "run" or toggle("averaged"),
    }
    with st.container(horizontal=True, vertical_alignment="bottom"):
        about["seed"] = numbers.field(SETTINGS["seed"], "seed", 0)
        st.button("Another seed", key="another-seed", icon=":material/casino:", on_click=another_seed)
    ready = ready and not numbers.wrong(SETTINGS["seed"], about["seed"])
    count = lasting("count", 36)
    about["count"] = st.select_slider("Pictures", view.counts(), help=SETTINGS["count"].help, key=count)
    t, key = SETTINGS["truncation"], lasting("truncation", SETTINGS["truncation"].default)
    about["truncation"] = st.slider(t.label, t.lo, t.hi, step=t.step, help=t.help, key=key)
    about["sort"] = toggle("sort", chosen.has_discriminator, "This one came without its discriminator.")
    with popover("More generators", "more-generators", icon=":material/cloud_download:", width="stretch"), telling():
        if fetched := hub_box.any_repository("generate"):
            STATE.goto = catalogue.as_chosen(fetched)
            close("more-generators")
            st.rerun()
        own_file.uploader()
    reading.again(chosen)
    with popover("Open a picture made here", "reopen", icon=":material/image_search:", width="stretch"):
        st.caption("A PNG that was downloaded from this page: it knows how it was made.")
        st.file_uploader("PNG", type="png", label_visibility="collapsed", key="opened", on_change=view.reopen)
        answered("reopen")
    return chosen if ready else None, about


def toggle(name: str, possible: bool = True, why_not: str = "") -> bool:
    about = SETTINGS[name]
    words = about.help if possible else why_not
    key = lasting(name, about.default)
    return st.toggle(about.label, key=key, disabled=not possible, help=words) and possible


def another_seed() -> None:
    STATE.update(seed=secrets.randbelow(10**6), start=())


# ---------------------------------------------------------------- what was made


def show(request: SampleRequest) -> None:
    """The grid."""
    if STATE.start:
        request = replace(request, points=STATE.start[: request.count])
        st.button("Back to the seed", icon=":material/arrow_back:", on_click=lambda: STATE.update(start=()))
    result = view.made(request)
    if result.note:
        st.caption(plain(result.note))
    there = shelf.kept()
    kept = [point for point in result.recipe["points"] if view.single(request, point) in there]
    view.pictures(view.by_name(result), [*kept, STATE.selected] if isinstance(STATE.selected, str) else kept, "grid")
    files.grid(result)


def closer(request: SampleRequest, selected: str | SampleRequest | None) -> None:
    """One picture, enlarged, and what can be done with it: a point of the grid, which follows the settings, or one that
    knows its own."""
    if selected is None:
        st.caption("Click a picture to see it here, large.")
        return
    # On a phone it is a sheet over the page, which can be put away; else it stands beside the grid.
    st.button("Close", key="close-sheet", icon=":material/close:", on_click=lambda: STATE.update(sheet=False))
    one = view.single(request, selected) if isinstance(selected, str) else selected
    kept, (point,) = shelf.kept().get(one), one.points
    result = kept or view.made(one)
    st.image(view.enlarged(result.images[0]), width="stretch", alt=f"Picture {point}")
    st.markdown(view.name_of(point))
    st.caption(plain(view.made_with(one)))
    if st.button("Do not keep" if kept else "Keep", icon=":material/bookmark:", width="stretch"):
        with telling():
            if kept:
                shelf.put_away(one)
            else:
                shelf.keep(one, result)
            st.rerun()
    spread = st.slider("How different", 0.05, 1.0, 0.35, 0.05)
    st.button("More like this", icon=":material/grain:", width="stretch", on_click=view.more_like, args=(one, spread))
    answered("more-like")
    files.button("Download PNG", files.one(result, 0), files.name_of(point), "stretch")
    if st.button("Send to Style", icon=":material/brush:", width="stretch"):
        st.switch_page("paint.py", query_params={"photo": tray.put(view.enlarged(result.images[0]))})


main()
