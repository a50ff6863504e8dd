"""A foreign file that does not tell how it is to be read: the same pictures under each reading, and which one is right.

What is chosen is remembered with the file (`core.gan.zoo.catalogue.choose`), and can be chosen anew.
"""

from __future__ import annotations

import itertools

import streamlit as st
from PIL import Image

from core.errors import UserError
from core.gan.request import SampleRequest
from core.gan.zoo import catalogue, class_names
from core.pictures import images
from ui.generate import view
from ui.telling import answered, answering, plain

SHOWN = 8  # pictures of each reading
STATE = st.session_state
ROWS = 8  # at first, and as many more at a time
SIDE = 96  # px


def ask(choice: catalogue.Choice) -> None:
    """A row for each of the likeliest readings, a button to choose it, and one for more rows."""
    st.subheader("Which row looks right?")
    in_turn = ", ".join(class_names.called(choice.ref, choice.classes)[:SHOWN])
    st.caption(
        "This file does not tell how it is to be read. Each row shows the same eight pictures, read in another way; "
        "the likeliest is first. You can choose another one later. If none looks right, "
        + ("look at more readings below; if none of those does, " if len(choice.readings) > ROWS else "")
        + "its code does something that no file tells, and Ganvas cannot read it."
        + plain(f" The pictures of a row are of its classes in turn: {in_turn}." if in_turn else "")
    )
    answered("reading")
    ref = catalogue.unread(choice.ref)
    if STATE.get("asked") != ref:
        STATE.update(asked=ref, shown=ROWS, rows={})
    for number, (tags, says) in enumerate(itertools.islice(choice.readings.items(), STATE.shown)):
        try:
            row = STATE.rows[tags] = STATE.rows.get(tags) or _row(f"{ref}:{tags}")
        except UserError as error:
            st.error(plain(f"Read with {says}: {error}"))
            continue
        st.image(row, width="stretch", alt=f"Row {number + 1}: {says}")
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button("This one", key=f"reading-{number}", on_click=_choose, args=(choice.ref, tags),
                      type="secondary" if number else "primary")  # fmt: skip
            st.caption(plain(f"{says[:1].upper()}{says[1:]}"))
    if (left := len(choice.readings) - STATE.shown) > 0:
        st.button(f"More readings ({left})", icon=":material/expand_more:", width="stretch", key="more-readings",
                  on_click=STATE.update, args=({"shown": STATE.shown + ROWS},))  # fmt: skip


def _row(ref: str) -> Image.Image:
    made = view.made(SampleRequest(ref, count=SHOWN))
    return images.grid([images.enlarged(picture, SIDE) for picture in made.images], columns=SHOWN, gap=4)


def again(choice: catalogue.Choice) -> None:
    """Where one of several readings was chosen, to be asked once more."""
    if choice.chosen:
        st.button("Read it in another way", icon=":material/rule:", width="stretch", key="read-again",
                  on_click=_choose, args=(choice.ref, ""))  # fmt: skip


def _choose(ref: str, tags: str) -> None:
    with answering("reading"):
        STATE.goto = catalogue.choose(ref, tags)
