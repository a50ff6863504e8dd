"""Fields for numbers of a request. A number out of bounds is answered in words: Streamlit's own bounds turn the field
red, say nothing, and keep the number before it."""

from __future__ import annotations

import streamlit as st

from core.errors import UserError
from core.settings import Setting
from ui.lasting import lasting
from ui.telling import plain


def field(about: Setting, key: str, first: float, *, only_here: bool = False) -> float:
    """What is written in the field; `wrong` tells whether it can be used. `first`: the number it begins with."""
    shown = "%d" if about.type is int else "%g"
    key = lasting(key, about.type(first), only_here=only_here)
    return st.number_input(about.label, step=about.type(about.step), format=shown, help=about.help, key=key)


def wrong(about: Setting, value: float) -> bool:
    """Whether the number is out of bounds; if so, that is said here."""
    try:
        about.convert(value)
    except UserError as error:
        st.error(plain(str(error)))
        return True
    return False
