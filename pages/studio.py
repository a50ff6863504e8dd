"""The script Streamlit runs: the frame around every page, and the way between them."""

import streamlit as st

from core.visitors import policy
from ui.lasting import hold
from ui.server import tabs, visitor

st.set_page_config(page_title="Ganvas", page_icon="🎨", layout="wide")

# Streamlit leaves a hand's breadth above every page; with the navigation on top it is only a gap.
st.html("<style>[data-testid=stMainBlockContainer] { padding-top: 4.5rem; padding-bottom: 3rem; }</style>")

page = st.navigation(
    [
        st.Page("home.py", title="Home", icon=":material/home:", default=True),
        st.Page("generate.py", title="Generate", icon=":material/grid_view:", url_path="generate"),
        st.Page("paint.py", title="Style", icon=":material/brush:", url_path="paint"),
        st.Page("train.py", title="Train", icon=":material/model_training:", url_path="train"),
        st.Page("models.py", title="Models", icon=":material/deployed_code:", url_path="models"),
    ],
    position="top",
)
if policy.public():
    tabs.opened()
    if not visitor.remembered():
        st.info("Your browser keeps no cookies for this page, so what you make here is gone when you load it again.")
hold()
page.run()
