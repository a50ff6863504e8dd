"""The Style page: the Gradio app of `style_app.py`, inside the studio's frame."""

from urllib.parse import urlencode

import streamlit as st

from ui.server import subpath

# What another page sent here: the name of a picture (core/visitors/tray.py), or of an example of the front page.
passed = {name: st.query_params[name] for name in ("photo", "style", "example") if name in st.query_params}
address = urlencode({"__theme": "dark" if st.context.theme.type == "dark" else "light", **passed})
# The app tells its height to this frame itself (style_app.py), so that there is one scroll bar, the page's.
frame = f"{subpath.before(st.context.url, 'paint')}/style/?{address}"
st.iframe(frame, height=1200, alt="Paint a photo in another picture's style")
