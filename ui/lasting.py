"""Widgets whose values last while other pages are looked at, over a reload, and into another tab.

Streamlit forgets the value of a widget once a page is drawn without it; what a script puts into the session stays.
"""

from __future__ import annotations

from typing import Any

import streamlit as st

from core.visitors import choices

HELD, REMEMBERED = "held", "remembered"


def lasting(key: str, first: Any, *, only_here: bool = False) -> str:
    """The key of a widget whose value lasts; `first` is its value until its visitor changes it. `only_here`: not beyond
    this session, as for a run's settings, which may be another run's by then."""
    st.session_state.setdefault(HELD if only_here else REMEMBERED, set()).add(key)
    if key not in st.session_state:
        st.session_state[key] = first if only_here else choices.chosen().get(key, first)
    return key


def hold() -> None:
    """To be called before a page is drawn, whichever it is."""
    for kind in (HELD, REMEMBERED):
        values = {key: st.session_state[key] for key in st.session_state.get(kind, ()) if key in st.session_state}
        st.session_state.update(values)
        if kind == REMEMBERED:
            choices.choose(values)
