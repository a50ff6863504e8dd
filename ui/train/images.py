"""Where a training's images come from, chosen with widgets. Reads no image and knows nothing of networks."""

from pathlib import Path

import streamlit as st
from PIL import Image

from core import amounts
from core.gan.data import drawn, sources
from core.pictures import images
from core.runs import lifecycle
from core.visitors import policy
from ui.lasting import lasting
from ui.telling import telling

SOURCES = {"drawn": "Drawn here", "upload": "My files", "path": "A folder", "download": "MNIST"}


def choose() -> tuple[dict | None, list, str]:
    """-> where the images come from, the files to be copied into the run, and a name for the run."""
    limits, offered = policy.limits(), dict(SOURCES)
    if policy.public():  # a visitor's folders are elsewhere, and the server's own are nobody's business
        del offered["path"]
    where = lasting("images-from", "drawn")
    kind = st.segmented_control("Where from", offered, format_func=offered.get, required=True, key=where)
    if kind == "upload":
        most = f" Up to {amounts.megabytes(limits.upload_bytes)} in all." if limits.upload_bytes else ""
        st.caption(f"Pictures, or zips of pictures, with folders inside if you like.{most}")
        files = st.file_uploader("Files", accept_multiple_files=True, label_visibility="collapsed")
        uploads = [(file.name, file) for file in files]
        return ({"kind": "folder", "path": lifecycle.UPLOADS} if files else None), uploads, "My pictures"
    if kind == "path":
        usual, key = str(Path.home() / "Pictures"), lasting("images-path", "")
        path = st.text_input("Path", placeholder=usual, help="On this computer.", key=key)
        with telling():
            if path.strip():
                folder = sources.typed(path)
                return {"kind": "folder", "path": str(folder)}, [], folder.name or "My pictures"
        return None, [], "My pictures"
    if kind == "download":
        key = lasting("images-download", next(iter(sources.DOWNLOADS)))
        name = st.radio("Set", sources.DOWNLOADS, format_func=sources.DOWNLOADS.get, horizontal=True, key=key)
        st.caption("Downloaded once, so it needs a network. Choose grey and 32 px.")
        return {"kind": "download", "name": name}, [], sources.DOWNLOADS[name]
    key = lasting("images-drawn", next(iter(drawn.SETS)))
    name = st.radio("Set", drawn.SETS, format_func=lambda n: drawn.SETS[n].label, horizontal=True, key=key)
    count = st.slider(
        "How many", 500, min(20_000, limits.images), step=500, key=lasting("images-count", min(3000, limits.images))
    )
    st.image(_examples(name), alt=f"Examples of the set {name}")
    by = drawn.SETS[name].by
    st.caption(f"{by[0].upper()}{by[1:]}; free of rights (CC0).")
    return {"kind": "drawn", "name": name, "count": count}, [], drawn.SETS[name].label


@st.cache_data
def _examples(name: str) -> Image.Image:
    return images.grid([drawn.draw(name, number, 64) for number in range(18)], columns=6, gap=4)
