"""What is around every Streamlit page: the studio's name and the way to its pages, which stay in sight, and the rules
of style that Streamlit's own settings have no word for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import streamlit as st

STYLE, SCRIPT = (Path(__file__).with_name(name) for name in ("chrome.css", "chrome.js"))


def style() -> None:
    """The rules of `chrome.css`, with the colours of `.streamlit/config.toml`."""
    named = {"--background": "backgroundColor", "--raised": "secondaryBackgroundColor", "--text": "textColor"}
    # A browser that turns dark while the page is open does not ask for it anew. (Old ones know one colour at a time.)
    now = "dark" if st.context.theme.type == "dark" else "light"
    shown = "".join(f"{name}: {_colour(now, option)};" for name, option in named.items())
    either = "".join(
        f"{name}: light-dark({_colour('light', option)}, {_colour('dark', option)});" for name, option in named.items()
    )
    st.html(
        f"<style>:root {{ {shown} --accent: {st.get_option('theme.primaryColor')}; }}\n"
        f"@supports (color: light-dark(red, red)) {{ :root {{ {either} }} }}\n{STYLE.read_text()}</style>"
    )
    st.html(f"<script>{SCRIPT.read_text()}</script>", unsafe_allow_javascript=True)


def _colour(theme: str, option: str) -> str:
    return st.get_option(f"theme.{theme}.{option}")


def navigation(pages: Mapping[st.Page, str]) -> None:
    """The bar at the top, with an icon for each page. Streamlit's own hides the pages of a phone behind a menu that
    covers the page and stays open, and knows no name of the studio; here the first page goes by that name."""
    with st.container(key="navigation", horizontal=True, vertical_alignment="center", gap="xxsmall", wrap=False):
        for number, (page, icon) in enumerate(pages.items()):
            st.page_link(page, label=page.title if number else "Ganvas", icon=icon, width="content")
