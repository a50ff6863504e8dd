"""A foreign file that does not tell how it is to be read: the same pictures under each reading, and which one is right.

What is chosen is remembered with the file (`core.gan.zoo.catalogue.choose`), and can be chosen anew.
"""

from __future__ import annotations

import streamlit as st

from core.errors import UserError
from core.gan.request import SampleRequest
from core.gan.zoo import catalogue, class_names
from core.pictures import images
from ui.generate import view
from ui.telling import answered, answering, plain

SHOWN = 8  # pictures of each reading
SIDE = 96  # px


def ask(choice: catalogue.Choice) -> None:
    """A row for each reading, and a button to choose it."""
    st.subheader("Which row looks right?")
    in_turn = ", ".join(class_names.called(choice.ref, choice.classes)[:SHOWN])
    st.caption(
        "This file does not tell how it is to be read. Each row shows the same eight pictures, read in another way; "
        "the likeliest is first. You can choose another one later. If none looks right, its code does something that "
        "no file tells, and Ganvas cannot read it."
        + plain(f" The pictures of a row are of its classes in turn: {in_turn}." if in_turn else "")
    )
    answered("reading")
    for number, (tags, says) in enumerate(choice.readings.items()):
        try:
            made = view.made(SampleRequest(f"{catalogue.unread(choice.ref)}:{tags}", count=SHOWN))
        except UserError as error:
            st.error(plain(f"Read with {says}: {error}"))
            continue
        row = images.grid([images.enlarged(picture, SIDE) for picture in made.images], columns=SHOWN, gap=4)
        st.image(row, width="stretch", alt=f"Row {number + 1}: {says}")
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button("This one", key=f"reading-{number}", on_click=_choose, args=(choice.ref, tags),
                      type="secondary" if number else "primary")  # fmt: skip
            st.caption(plain(f"{says[:1].upper()}{says[1:]}"))


def again(choice: catalogue.Choice) -> None:
    """Where one of several readings was chosen, to be asked once more."""
    if choice.chosen:
        st.button("Read it in another way", icon=":material/rule:", width="stretch", key="read-again",
                  on_click=_choose, args=(choice.ref, ""))  # fmt: skip


def _choose(ref: str, tags: str) -> None:
    with answering("reading"):
        st.session_state.goto = catalogue.choose(ref, tags)
