"""How the Streamlit pages say what a person can mend."""

import contextlib
from collections.abc import Iterator

import streamlit as st

from core.errors import UserError


@contextlib.contextmanager
def telling() -> Iterator[None]:
    """What a person can mend is said; everything else stays loud."""
    try:
        yield
    except UserError as error:
        st.error(str(error))
