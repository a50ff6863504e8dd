"""Widgets whose values last while other pages are looked at.

Streamlit forgets the value of a widget once a page is drawn without it; what a script puts into the session stays.
"""

from __future__ import annotations

from typing import Any

import streamlit as st

NAMES = "lasting"


def lasting(key: str, first: Any) -> str:
    """The key of a widget whose value lasts; `first` is its value until somebody changes it."""
    st.session_state.setdefault(NAMES, set()).add(key)
    st.session_state.setdefault(key, first)
    return key


def hold() -> None:
    """To be called before a page is drawn, whichever it is."""
    for key in st.session_state.get(NAMES, ()):
        if key in st.session_state:
            st.session_state[key] = st.session_state[key]
