"""The front page: what the studio does, shown with pictures it made."""

import secrets
from pathlib import Path

import streamlit as st

from core.visitors import policy

ROOT = Path(__file__).parent.parent
EXAMPLES, GENERATORS = ROOT / "examples", ROOT / "weights" / "generators"
PAINTED = (
    ("pagoda-swirls", "cat-mosaic", "mountains-great-wave"),
    ("astronaut-stained-glass", "dahlia-autumn", "dogs-poppies"),
)

WAYS = (
    ("paint.py", "Paint a photo", ":material/brush:", "Style transfer: your photo, repainted like a painting."),
    ("generate.py", "Play with a GAN", ":material/grid_view:",
     "Generative adversarial networks invent pictures: choose, mix and keep."),
    ("train.py", "Train a GAN", ":material/model_training:", "Your own images become a generator."),
)  # fmt: skip

st.title("Ganvas")
st.markdown(
    "A studio for generative images in your browser. "
    + ("Only you see what you make." if policy.public() else "It runs on this computer: no GPU and no network needed.")
    + " Press one to begin:"
)
for column, (page, label, icon, words) in zip(st.columns(3), WAYS, strict=True):
    with column.container(border=True):
        if st.button(label, icon=icon, type="primary", width="stretch"):
            st.switch_page(page)
        st.caption(words)

st.header("Paint a photo", divider="grey")
st.markdown(
    "Take a photo and a picture whose style you like, and watch the photo being repainted in that style. "
    "Press a painting to try its pair yourself:"
)
press = secrets.token_hex(4)  # so that painted pairs are found by a reload, and pressed ones begin anew
for row in PAINTED:
    for column, name in zip(st.columns(3), row, strict=True):
        photo, painting = name.split("-", 1)
        words = f"{photo} + {painting}".replace("-", " ").capitalize()
        with column.container(key=f"pair-{name}", gap="small"):
            st.image(EXAMPLES / "gallery" / f"{name}.jpg", alt="")
            before, after, link = st.columns([1, 1, 3], vertical_alignment="center")
            before.image(EXAMPLES / "photos" / f"{photo}.jpg", alt="")
            after.image(EXAMPLES / "paintings" / f"{painting}.jpg", alt="")
            pair = {"example": f"{name}.{press}"}
            link.page_link("paint.py", label=words, icon=":material/brush:", query_params=pair)
st.page_link("paint.py", label="Paint your own", icon=":material/brush:")

st.header("Generate pictures with a GAN", divider="grey")
st.markdown("These people, and as many more as you like, were invented by a generator that was trained in this studio.")
for column, folder in zip(st.columns(4), sorted(GENERATORS.iterdir()), strict=False):
    column.image(folder / "samples.png", caption=folder.name.capitalize(), alt=f"Generated {folder.name}")
st.page_link("generate.py", label="Play with a generator", icon=":material/grid_view:")

st.header("Train a GAN of your own", divider="grey")
st.markdown("Drop your own images, or use some drawn on the spot, press Start, and watch a generator learn them.")
st.page_link("train.py", label="Train a generator", icon=":material/model_training:")
