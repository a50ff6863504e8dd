"""A generator out of a file of one's own computer, handed over to the Generate page. Read as safely as what comes from
the Hub, and kept as it is."""

from __future__ import annotations

import streamlit as st

from core.gan.zoo import catalogue
from ui.generate import view
from ui.popovers import close
from ui.telling import answered, answering

SUFFIXES = [suffix.removeprefix(".") for suffix in catalogue.FILES]


def uploader() -> None:
    """A place to drop a file of weights; what is understood is chosen at once."""
    st.file_uploader("A file of your own computer", type=SUFFIXES, key="own-file", on_change=_taken)
    answered("own-file")


def _taken() -> None:
    file = view.uploaded("own-file")
    if file is None:
        return
    with answering("own-file"):
        from core.gan.zoo.load import take_in

        st.session_state.goto = catalogue.as_chosen(take_in(file.getvalue(), file.name))
        close("more-generators")
