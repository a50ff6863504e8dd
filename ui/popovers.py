"""Popovers that close when what they were opened for is done. Streamlit's stay open, also over what comes next."""

from __future__ import annotations

from typing import Any

import streamlit as st

DONE = "popover-done"


def popover(label: str, key: str, **about: Any) -> Any:
    """One that can be closed."""
    if st.session_state.get(DONE) == key:
        del st.session_state[DONE]
        st.session_state[key] = False
    return st.popover(label, key=key, on_change="rerun", **about)


def close(key: str) -> None:
    """When the page is drawn next, that popover is closed."""
    st.session_state[DONE] = key
