"""The Generate page: pictures from a generator, to look at, keep, vary, mix and download.

Widgets become a `SampleRequest`; the pieces it is made of are in `ui/`. Nothing is computed here.
"""

from dataclasses import replace

import streamlit as st

from core.gan.request import SampleRequest
from core.visitors import shelf, tray
from ui.generate import asking, files, mix, reading, view
from ui.telling import answered, plain, telling

STATE = st.session_state


def main() -> None:
    st.title("Generate")
    for name, value in {"start": (), "weights": {}, "selected": None, "sheet": False}.items():
        STATE.setdefault(name, value)
    settings, grid, picture = st.columns([5, 10, 6], gap="large")
    chosen, about = None, {}
    with settings, telling():
        chosen, about = asking.choose()
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


def show(request: SampleRequest) -> None:
    """The grid."""
    if STATE.start:
        of = STATE.weights.get((request.generator, request.averaged), "")
        request = replace(request, points=STATE.start[: request.count], weights=of)
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
    for label, icon, what in (("Paint this", "brush", "photo"), ("Paint in this style", "palette", "style")):
        if st.button(label, icon=f":material/{icon}:", width="stretch"):
            st.switch_page("paint.py", query_params={what: tray.put(view.enlarged(result.images[0]))})


main()
