"""How the Streamlit pages say what a person can mend, and show what strangers wrote: names of files, repositories and
runs, and sentences that hold them."""

import contextlib
import re
from collections.abc import Iterator

import streamlit as st

from core.errors import UserError
from core.hub import client

MARKS = re.compile(r"([\\`*_{}\[\]()#+!$:~<>|&-]|^\d+(?=[.)]))")
# What becomes a link or an icon although it is escaped; a sign without width in between keeps it from that.
WORDS = re.compile(r"(?i)(?<=http)(?=s?\\:)|(?<=www)(?=\.)|(?=@)|(?<=\\:)(?=material)")
JOINER = "\N{WORD JOINER}"


@contextlib.contextmanager
def telling() -> Iterator[None]:
    """What a person can mend is said; everything else stays loud."""
    try:
        yield
    except UserError as error:
        st.error(plain(str(error)))


@contextlib.contextmanager
def answering(place: str) -> Iterator[None]:
    """For callbacks, which run before the page is drawn: what a person can mend is said by `answered(place)`."""
    try:
        yield
    except UserError as error:
        st.session_state[f"answer-{place}"] = str(error)


def answered(place: str) -> None:
    """Beside what was pressed: what came of it, once."""
    if words := st.session_state.pop(f"answer-{place}", None):
        st.error(plain(words))


def plain(text: str) -> str:
    """Markdown that shows exactly this text: nothing in it is markdown, a picture or a link, but an address of the Hub
    itself."""
    parts = re.split(rf"({re.escape(client.endpoint())}/[\w/.-]*)", text)
    return "".join(part if index % 2 else _escaped(part) for index, part in enumerate(parts))


def _escaped(text: str) -> str:
    readable = "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)
    marked = MARKS.sub(lambda m: f"{m[0]}\\" if m[0].isdigit() else f"\\{m[0]}", readable)
    return WORDS.sub(JOINER, marked)
