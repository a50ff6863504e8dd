"""What the Generate page is made of: pictures to click on, pictures to wait for, pictures brought back.

Pieces for `pages/generate.py`: they turn requests into jobs and results into widgets. Nothing is computed here.
"""

from __future__ import annotations

import base64
import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import streamlit as st
from PIL import Image
from streamlit.runtime.uploaded_file_manager import DeletedFile, UploadedFile

from core import jobs
from core.errors import UserError
from core.gan import points
from core.gan.request import SampleRequest
from core.gan.zoo import catalogue
from core.pictures import images
from core.settings import Result
from core.visitors import policy
from ui.generate import files
from ui.lasting import lasting
from ui.popovers import close
from ui.telling import answering, plain

REMEMBERED = 12  # results, so that a click does not make the same pictures again
PATIENCE = 0.4  # seconds before a page says what it waits for
HEAD_START = 0.6  # seconds a browser needs to draw the first page
SIDE = 512  # px: what a picture is enlarged to for looking and for the style app

COUNTS = [1, 4, 9, 16, 25, 36, 64, 100, 200, 400]
LIKE = 16  # at least so many pictures like one

CSS = """
.pictures { display: grid; gap: 4px; grid-template-columns: repeat(auto-fill, minmax(min(var(--least), 14vw), 1fr)); }
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
    return choice.title + {"bundled": "", "run": " (your run)", "hub": " (Hub)", "upload": " (your file)"}[choice.where]


def checkpoint_of(ref: str) -> str:
    """The reference of a run's generator as one wants to see it: finished, or at one of its checkpoints."""
    run, _ = catalogue.run_ref(ref)
    steps = [*([None] if run.result else []), *reversed(run.checkpoints())]
    key = lasting("step", steps[0])
    if st.session_state.step not in steps:  # of another run, or thinned out
        st.session_state.step = steps[0]
    step = st.selectbox("Checkpoint", steps, format_func=lambda s: f"Step {s:,}" if s else "Finished", key=key)
    return f"{ref}@{step}" if step else ref


def counts() -> list[int]:
    """How many pictures may be asked for."""
    most = policy.settings_of(SampleRequest)["count"].hi
    return [count for count in COUNTS if count <= most]


def single(request: SampleRequest, point: str) -> SampleRequest:
    """One picture, made as `request` says: what a kept picture is known by."""
    return replace(request, points=(point,), seed=points.seed_of(point), count=1, sort=False, label="", weights="")


def made_with(request: SampleRequest) -> str:
    """The generator and the settings that all pictures of a request share, in words."""
    ref, step = request.generator, ""
    if ref.startswith("run:"):
        ref, _, step = ref.partition("@")
    words = [next((title(choice) for choice in catalogue.choices() if choice.ref == ref), ref)]
    words += [f"step {int(step):,}"] if step.isdigit() else []
    words += [f"truncation {request.truncation:g}"]
    return ", ".join(words + ([] if request.averaged else ["not averaged"]))


def name_of(point: str) -> str:
    """A point in words."""
    if found := re.fullmatch(r"(\d+):(\d+)(?:#(\d+))?", point):
        seed, index, label = found.groups()
        return f"Seed **{seed}**, picture **{index}**" + (f", class **{label}**" if label else "")
    return f"Picture **{plain(point)}**"


def pictures(
    shown: Mapping[str, Image.Image],
    chosen: Sequence[str],
    key: str,
    clicked: Callable[[str], None] | None = None,
    least: int = 76,
) -> None:
    """Pictures by their names, to be clicked on. `clicked` is told the name; without it, it is looked at."""
    side = max(picture.width for picture in shown.values())
    same = [p if p.width == side else p.resize((side, side), Image.Resampling.NEAREST) for p in shown.values()]
    columns = min(10, len(shown))
    sprite = base64.b64encode(files.png(images.grid(same, columns, gap=0))).decode()

    def changed() -> None:
        name = st.session_state[key].clicked
        if name in shown:
            (clicked or look_at)(name)

    _grid(
        key=key,
        data={
            "names": list(shown), "chosen": list(chosen), "columns": columns, "least": least,
            "rows": -(-len(shown) // columns), "pixels": side <= 32, "sheet": f"data:image/png;base64,{sprite}",
        },
        on_clicked_change=changed,
    )  # fmt: skip


def look_at(picture: str | SampleRequest) -> None:
    """Have it shown large: a point of the grid, or a picture that knows its own settings."""
    st.session_state.update(selected=picture, sheet=True)


def by_name(result: Result) -> dict[str, Image.Image]:
    """The pictures of a result by their points."""
    return dict(zip(result.recipe["points"], result.images, strict=True))


def made(request: SampleRequest) -> Result:
    """The result of a request: remembered, or waited for. What a visitor no longer wants is given up."""
    remembered: dict[SampleRequest, Result] = st.session_state.setdefault("made", {})
    if request not in remembered:
        place = st.empty()
        with place.container():
            remembered[request] = _waited_for(request)
        place.empty()
        for old in list(remembered)[:-REMEMBERED]:
            del remembered[old]
    return remembered[request]


def _waited_for(request: SampleRequest) -> Result:
    said = st.empty()
    if "torch" not in sys.modules and (first := catalogue.shipped(request)):
        # A server that has just started has no engine yet; it comes with the first job. The browser draws these
        # pictures first: with the engine beside it they came after 2.5 s instead of 1.4 (bench/sample.py).
        pictures(by_name(first), [], "first")
        time.sleep(HEAD_START)
    job = jobs.submit(request)
    try:
        for number, now in enumerate(job.updates(PATIENCE)):
            if number and not now.finished:
                before = f"{now.position} before this one. " if now.position else ""
                said.caption(f"{before}The first pictures take a moment.")
    finally:
        if not job.finished:
            job.cancel()
    return job.wait()


def uploaded(key: str) -> UploadedFile | None:
    """What was chosen in an uploader, as long as the server has it."""
    file = st.session_state[key]
    return None if isinstance(file, DeletedFile) else file


def reopen() -> None:
    """A PNG made here was opened: its settings go into the widgets, its picture into the grid."""
    file = uploaded("opened")
    if file is None:
        return
    with answering("reopen"):
        recipe = images.read_recipe(file.getvalue(), name=file.name)
        if recipe is None:
            raise UserError(f"{file.name} carries no recipe; choose a PNG that was downloaded from this page.")
        request = SampleRequest.from_recipe(recipe)
        _settle(request, file.name)
        st.session_state.update(
            count=next((n for n in counts() if n >= len(request.points)), counts()[-1]), start=request.points,
            weights={(request.generator, request.averaged): request.weights},
            selected=request.points[0] if request.points else None,
        )  # fmt: skip
        close("reopen")


def more_like(request: SampleRequest, spread: float) -> None:
    """Pictures like this one, of the generator and with the settings it was made with, go into the grid."""
    (point,) = request.points
    with answering("more-like"):
        start = points.variations(point, max(LIKE, st.session_state.count), spread)
        _settle(request, "This picture")
        st.session_state.update(start=start, weights={}, selected=point, sheet=False)


def _settle(request: SampleRequest, what: str) -> None:
    """The widgets, as `request` wants them. For callbacks: once widgets are drawn they cannot be set."""
    ref, step = request.generator, None
    if ref.startswith("run:"):
        run, step = catalogue.run_ref(ref)
        ref = f"run:{run.id}"
        if step and step not in run.checkpoints():
            raise UserError(f"{what} was made at step {step} of {run.name}, and that checkpoint is gone.")
    catalogue.choose_as(ref)
    if ref not in {choice.ref for choice in catalogue.choices()}:
        raise UserError(f"{what} was made with {ref}, which is not here; fetch it first.")
    st.session_state.update(
        generator=ref, step=step, seed=request.seed, truncation=request.truncation, averaged=request.averaged,
        sort=False, **{"class": ""},
    )  # fmt: skip


def enlarged(picture: Image.Image) -> Image.Image:
    """As large as it is looked at, and sent to Style."""
    return images.enlarged(picture, SIDE)
