"""What the Generate page is made of: pictures to click on, pictures to wait for, files to download.

Pieces for `pages/generate.py`: they turn requests into jobs and results into widgets. Nothing is computed here.
"""

from __future__ import annotations

import base64
import io
import zipfile
from collections.abc import Sequence
from typing import Any

import streamlit as st
from PIL import Image

from core import images, jobs, weights
from core.errors import UserError
from core.gan import catalogue
from core.gan.points import recipe_of
from core.settings import Result, SampleRequest
from ui.telling import telling  # noqa: F401  (pages call it as look.telling)

REMEMBERED = 12  # results, so that a click does not make the same pictures again
PATIENCE = 0.4  # seconds before a page says what it waits for
SIDE = 512  # px: what a picture is enlarged to for looking and for the style app

LIKE = 16  # at least so many pictures like one

CSS = """
.pictures { display: grid; gap: 4px; grid-template-columns: repeat(auto-fill, minmax(var(--least), 1fr)); }
.pictures button {
  aspect-ratio: 1; border: 0; padding: 0; border-radius: 6px; cursor: pointer; outline-offset: 1px; outline: 0 solid;
  background-color: #fff; background-repeat: no-repeat;
}
.pictures button:hover, .pictures button:focus-visible { outline: 2px solid var(--st-text-color); }
.pictures button[aria-pressed=true] { outline: 3px solid var(--st-primary-color); }
"""
SCRIPT = """
export default function({ parentElement, data, setTriggerValue }) {
  const root = parentElement.querySelector('.pictures');
  root.style.setProperty('--least', data.least + 'px');
  const share = (n, of) => (of > 1 ? (100 * n) / (of - 1) : 0) + '%';
  root.replaceChildren(...data.names.map((name, i) => {
    const button = document.createElement('button');
    button.style.backgroundImage = `url(${data.sheet})`;
    button.style.backgroundSize = `${100 * data.columns}% ${100 * data.rows}%`;
    const row = Math.floor(i / data.columns);
    button.style.backgroundPosition = `${share(i % data.columns, data.columns)} ${share(row, data.rows)}`;
    button.style.imageRendering = data.pixels ? 'pixelated' : 'auto';
    button.title = name;
    button.setAttribute('aria-label', 'Picture ' + name);
    button.setAttribute('aria-pressed', data.chosen.includes(name));
    button.onclick = () => setTriggerValue('clicked', name);
    return button;
  }));
}
"""
_grid = st.components.v2.component("ganvas_pictures", html='<div class="pictures"></div>', css=CSS, js=SCRIPT)


def title(choice: catalogue.Choice) -> str:
    """What the list of generators calls one."""
    return choice.title + {"bundled": "", "run": " (your run)", "hub": " (Hub)"}[choice.where]


def name_of(point: str) -> str:
    """A point in words."""
    seed, _, index = point.partition(":")
    return f"Seed **{seed}**, picture **{index}**" if index.isdigit() else f"Picture **{point}**"


def file_name(point: str) -> str:
    return images.save_name(point.replace(":", "-"))


def pictures(result: Result, chosen: Sequence[str], key: str, least: int = 76) -> None:
    """All pictures of a result, to be clicked on. The point clicked goes to `session_state.selected`."""
    columns = min(10, len(result.images))
    sprite = base64.b64encode(png(images.grid(result.images, columns, gap=0))).decode()
    _grid(
        key=key,
        data={
            "names": list(result.recipe["points"]), "chosen": list(chosen), "columns": columns, "least": least,
            "rows": -(-len(result.images) // columns), "pixels": result.images[0].width <= 32,
            "sheet": f"data:image/png;base64,{sprite}",
        },
        on_clicked_change=lambda: st.session_state.update(selected=st.session_state[key].clicked),
    )  # fmt: skip


def made(request: SampleRequest) -> Result:
    """The result of a request: remembered, or waited for. What a visitor no longer wants is given up."""
    known: dict[SampleRequest, Result] = st.session_state.setdefault("made", {})
    if request not in known:
        job, place = jobs.submit(request), st.empty()
        try:
            with place:
                _wait(job, request.generator)
            place.empty()
        finally:
            if not job.finished:
                job.cancel()
        known[request] = job.wait()
        for old in list(known)[:-REMEMBERED]:
            del known[old]
    return known[request]


def _wait(job: jobs.Job, generator: str) -> None:
    """Until the job is over. The first one wakes the generator up; meanwhile a bundled one shows its samples."""
    for number, now in enumerate(job.updates(PATIENCE)):
        if now.finished or not number:
            continue
        with st.container():
            before = (
                f"{now.position} {'job' if now.position == 1 else 'jobs'} before this one. " if now.position else ""
            )
            st.caption(f"{before}The first pictures take a moment.")
            if any(choice.ref == generator for choice in catalogue.bundled()):
                st.image(str(catalogue.bundled_folder(generator) / "samples.png"), alt="Samples")


def offer(ref: str) -> None:
    """A generator of the registry that is not here yet: what is known of it, and the button that brings it."""
    entry = weights.entry(ref)
    st.caption(f"{entry.repo}: {entry.size}, licence: {entry.licence}.")
    if st.button("Fetch it", type="primary", width="stretch"):
        fetch(ref)
        st.rerun()


def fetch(what: str) -> str:
    """Bring a generator, or a feature network, from the Hub under a progress bar; returns its reference."""
    bar = st.progress(0.0, "Asking the Hub ...")

    def show(done: int, total: int) -> None:
        bar.progress(done / total, f"{done / 1e6:.1f} of {total / 1e6:.1f} MB")

    try:
        if what in weights.registry() and weights.entry(what).kind == "features":
            from core.perceptual import fetch_vgg19

            fetch_vgg19(show)
            return what
        from core.gan.load import fetch

        return fetch(what, show)
    finally:
        bar.empty()


def reopen() -> None:
    """A PNG made here was opened: its settings go into the widgets, its picture into the grid."""
    file = st.session_state.opened
    if file is None:
        return
    try:
        recipe = images.read_recipe(file.getvalue(), name=file.name)
        if recipe is None:
            raise UserError(f"{file.name} carries no recipe; choose a PNG that was downloaded from this page.")
        request = SampleRequest.from_recipe(recipe)
        ref = request.generator.partition("@")[0] if request.generator.startswith("run:") else request.generator
        if ref not in {choice.ref for choice in catalogue.choices()}:
            raise UserError(f"{file.name} was made with {ref}, which is not here; fetch it first.")
    except UserError as error:
        st.toast(str(error), icon=":material/error:")
        return
    st.session_state.update(
        generator=ref, seed=request.seed, truncation=request.truncation, averaged=request.averaged, sort=False,
        start=request.points, selected=request.points[0] if request.points else None,
    )  # fmt: skip


def enlarged(picture: Image.Image) -> Image.Image:
    """As large as it is looked at: pixels of small ones stay pixels, larger ones are smoothed."""
    way = Image.Resampling.NEAREST if picture.width <= 32 else Image.Resampling.LANCZOS
    return picture.resize((SIDE, round(SIDE * picture.height / picture.width)), way)


# ---------------------------------------------------------------- files


def png(picture: Image.Image, recipe: dict[str, Any] | None = None) -> bytes:
    file = io.BytesIO()
    images.write_png(picture, file, recipe or {})
    return file.getvalue()


def download(result: Result) -> None:
    """The contact sheet and the zip of a grid."""
    for column, (label, make, name, kind) in zip(
        st.columns(4),
        [("Sheet", sheet, "sheet.png", "image/png"), ("All as a zip", zipped, "pictures.zip", "application/zip")],
        strict=False,
    ):
        column.download_button(
            label, lambda make=make: make(result), name, kind, icon=":material/download:", width="stretch",
            on_click="ignore",
        )  # fmt: skip


def way(result: Result) -> None:
    """A way between pictures: as a strip, and as an animation to look at and to download."""
    moving = animated(result, "webp")
    shown = base64.b64encode(moving).decode()
    st.html(f'<img src="data:image/webp;base64,{shown}" alt="The way, animated" style="width:256px;max-width:100%">')
    strip = images.strip([*result.images[:: max(1, len(result.images) // 10)]], 64, gap=2)
    st.image(strip, alt="The way, step by step")
    for column, (label, data, name) in zip(
        st.columns(3),
        [
            ("WebP", moving, "way.webp"),
            ("GIF", lambda: animated(result, "gif"), "way.gif"),
            ("Strip", png(strip), "way.png"),
        ],
        strict=True,
    ):
        column.download_button(label, data, name, icon=":material/download:", width="stretch", on_click="ignore")


def sheet(result: Result) -> bytes:
    """All pictures on one, with the recipe of all."""
    return png(images.grid(result.images, gap=2), dict(result.recipe))


def zipped(result: Result) -> bytes:
    """All pictures as PNGs, each with its own recipe, in a zip."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for index, (picture, point) in enumerate(zip(result.images, result.recipe["points"], strict=True)):
            name = images.save_name(point.replace(":", "-"), ".png")
            archive.writestr(f"{index + 1:03d}-{name}", png(picture, recipe_of(result.recipe, index)))
    return file.getvalue()


def one_png(result: Result, index: int) -> bytes:
    """One picture as it is, with its recipe."""
    return png(result.images[index], recipe_of(result.recipe, index))


def animated(result: Result, format: str) -> bytes:
    """The pictures as frames, as animated WebP or GIF."""
    file = io.BytesIO()
    frames = [enlarged(picture) for picture in result.images]
    images.animation(frames, file, seconds_per_frame=0.05, hold_last=0.05, format=format, longer=256)
    return file.getvalue()
