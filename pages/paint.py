"""The Style page: the Gradio app of `style_app.py`, inside the studio's frame."""

import streamlit as st

theme = "dark" if st.context.theme.type == "dark" else "light"
# The app tells its height to this frame itself (style_app.py), so that there is one scroll bar, the page's.
st.iframe(f"/style/?__theme={theme}", height=1200)
