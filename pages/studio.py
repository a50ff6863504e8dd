"""The script Streamlit runs: the frame around every page, and the way between them."""

import streamlit as st

from core.visitors import policy
from ui import chrome
from ui.lasting import hold
from ui.server import tabs, visitor

# The icons are not the pages' own: with those browsers would fetch a favicon from Google.
PAGES = {
    st.Page("home.py", title="Home", default=True): ":material/palette:",
    st.Page("generate.py", title="Generate", url_path="generate"): ":material/grid_view:",
    st.Page("paint.py", title="Style", url_path="paint"): ":material/brush:",
    st.Page("train.py", title="Train", url_path="train"): ":material/model_training:",
    st.Page("lab.py", title="Lab", url_path="lab"): ":material/science:",
    st.Page("models.py", title="Models", url_path="models"): ":material/deployed_code:",
}
page = st.navigation([*PAGES], position="hidden")
st.set_page_config(page_title=f"{page.title} · Ganvas", page_icon="🎨", layout="wide")
chrome.style()
chrome.navigation(PAGES)
if policy.public():
    tabs.opened()
    if not visitor.remembered():
        st.info("Your browser keeps no cookies for this page, so what you make here is gone when you load it again.")
hold()
page.run()
