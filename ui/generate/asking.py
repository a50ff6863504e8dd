"""What is to be made, asked with widgets: a generator, and the settings of a request. Nothing is computed here."""

from __future__ import annotations

import secrets

import streamlit as st

from core.gan.request import SampleRequest
from core.gan.zoo import catalogue
from core.visitors import policy
from ui import numbers
from ui.generate import classes, own_file, reading, view
from ui.lasting import lasting
from ui.models import hub_box
from ui.popovers import close, popover
from ui.telling import answered, telling

STATE = st.session_state


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
    asked = bool(chosen.readings) and not chosen.chosen  # how to read it comes first, and has to be seen at once
    about, right = ({"generator": ref}, True) if asked else _settings(chosen, ref)
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
    return chosen if ready and right else None, about


def _settings(chosen: catalogue.Choice, ref: str) -> tuple[dict, bool]:
    """What a request asks beside its generator, and whether it can be made so."""
    settings = policy.settings_of(SampleRequest)
    about: dict = {
        "generator": ref,
        "label": classes.chooser(chosen) if chosen.classes else "",
        "averaged": chosen.where != "run" or toggle("averaged"),
    }
    with st.container(horizontal=True, vertical_alignment="bottom"):
        about["seed"] = numbers.field(settings["seed"], "seed", 0)
        st.button("Another seed", key="another-seed", icon=":material/casino:", on_click=another_seed)
    right = not numbers.wrong(settings["seed"], about["seed"])
    count = lasting("count", 36)
    about["count"] = st.select_slider("Pictures", view.counts(), help=settings["count"].help, key=count)
    t, key = settings["truncation"], lasting("truncation", settings["truncation"].default)
    about["truncation"] = st.slider(t.label, t.lo, t.hi, step=t.step, help=t.help, key=key)
    about["sort"] = toggle("sort", chosen.has_discriminator, "This one came without its discriminator.")
    return about, right


def toggle(name: str, possible: bool = True, why_not: str = "") -> bool:
    about = policy.settings_of(SampleRequest)[name]
    words = about.help if possible else why_not
    key = lasting(name, about.default)
    return st.toggle(about.label, key=key, disabled=not possible, help=words) and possible


def another_seed() -> None:
    STATE.update(seed=secrets.randbelow(10**6), start=())
