"""The Style page: the Gradio app of `style_app.py`, inside the studio's frame."""

from urllib.parse import urlencode

import streamlit as st

from ui.server import subpath

# `photo` names a picture that another page sent here (core/visitors/tray.py).
passed = {"photo": st.query_params["photo"]} if "photo" in st.query_params else {}
address = urlencode({"__theme": "dark" if st.context.theme.type == "dark" else "light", **passed})
# The app tells its height to this frame itself (style_app.py), so that there is one scroll bar, the page's.
st.iframe(f"{subpath.before(st.context.url, 'paint')}/style/?{address}", height=1200)
