"""The front page: what the studio does, shown with pictures it made."""

from pathlib import Path

import streamlit as st

EXAMPLES = Path(__file__).parent.parent / "examples"

st.title("Ganvas")
st.markdown("A studio for generative images in your browser. It runs on this computer: no GPU and no network needed.")

st.header("Paint a photo", divider="grey")
st.markdown("Take a photo and a picture whose style you like, and watch one being painted in the style of the other.")
rows = (
    ("pagoda-swirls", "cat-mosaic", "mountains-great-wave"),
    ("astronaut-stained-glass", "dahlia-autumn", "dogs-poppies"),
)
for row in rows:
    for column, name in zip(st.columns(3), row, strict=True):
        photo, painting = name.split("-", 1)
        column.image(EXAMPLES / "gallery" / f"{name}.jpg", alt=f"{photo} in the style of {painting}")
        before, after, _ = column.columns([1, 1, 2])
        before.image(EXAMPLES / "photos" / f"{photo}.jpg", alt=photo)
        after.image(EXAMPLES / "paintings" / f"{painting}.jpg", alt=painting)
st.page_link("paint.py", label="Paint your own", icon=":material/brush:")
