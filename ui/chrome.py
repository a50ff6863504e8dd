"""What is around every Streamlit page: the studio's name and the way to its pages, which stay in sight, and the rules
of style that Streamlit's own settings have no word for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import streamlit as st

STYLE = Path(__file__).with_name("chrome.css")


def style() -> None:
    """The rules of `chrome.css`, with the colours of `.streamlit/config.toml`: a theme's own of each pair."""
    pairs = {"background": "backgroundColor", "raised": "secondaryBackgroundColor", "text": "textColor"}
    named = "".join(
        f"--{name}: light-dark({st.get_option(f'theme.light.{option}')}, {st.get_option(f'theme.dark.{option}')});"
        for name, option in pairs.items()
    )
    st.html(f"<style>.stApp {{ {named} }}\n{STYLE.read_text()}</style>")


def navigation(pages: Mapping[st.Page, str]) -> None:
    """The bar at the top, with an icon for each page. Streamlit's own hides the pages of a phone behind a menu that
    covers the page and stays open, and knows no name of the studio; here the first page goes by that name."""
    with st.container(key="navigation", horizontal=True, vertical_alignment="center", gap="xxsmall", wrap=False):
        for number, (page, icon) in enumerate(pages.items()):
            st.page_link(page, label=page.title if number else "Ganvas", icon=icon, width="content")
