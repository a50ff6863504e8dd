"""Classes of a generator on the Generate page: to choose one, and to give them names."""

from __future__ import annotations

import streamlit as st

from core.gan.zoo import catalogue, class_names
from ui.lasting import lasting
from ui.popovers import close, popover
from ui.telling import answered, answering

ALL = "All in turn"
STATE = st.session_state


def chooser(choice: catalogue.Choice) -> str:
    """-> the number of the class that is chosen, as a request has it, or "" for all."""
    names = class_names.called(choice.ref, choice.classes)
    numbers = ["", *map(str, range(len(names)))]
    key = lasting("class", "")
    if STATE["class"] not in numbers:  # of another generator
        STATE["class"] = ""
    chosen = st.selectbox("Class", numbers, key=key, format_func=lambda n: names[int(n)] if n else ALL)
    with popover("Name the classes", "name-classes", icon=":material/label:", width="stretch"):
        st.caption("One name a line, in the order of their numbers. None at all: as they were.")
        field = f"names-{catalogue.unread(choice.ref)}"
        st.text_area("Names", "\n".join(names), key=field, height=min(34 * len(names) + 20, 320),
                     label_visibility="collapsed")  # fmt: skip
        st.button("Call them so", key="call-classes", on_click=_call, args=(choice, field))
        answered("classes")
    return chosen


def _call(choice: catalogue.Choice, field: str) -> None:
    with answering("classes"):
        class_names.call(choice.ref, choice.classes, STATE[field].splitlines())
        STATE.pop(field)
        close("name-classes")
