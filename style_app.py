"""The style studio: a Gradio app that repaints a photo in the style of other pictures.

    python style_app.py        (alone)            or mounted at /style by app.py

Widgets make a `StyleRequest`, `core.jobs` paints, and what the job says is shown. Nothing here knows how a painting is
made, and torch is not imported before the first job.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import functools
import inspect
import tempfile
import tomllib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import gradio as gr

import sample_api
import serving
import style_look as look
from core import decode, images, jobs, tray
from core.errors import UserError
from core.settings import STYLE_PRESETS, MeasureRequest, Setting, StyleRequest, settings_of
from core.style import budget, choice

EXAMPLES = Path(__file__).parent / "examples"
SETTINGS = settings_of(StyleRequest)
AFTERWARDS = ("strength", "keep_colour")  # these need no new painting
PRESETS = {"draft": "Draft", "good": "Good", "fine": "Fine"}
PREVIEW_SIDE = 720  # px sent while painting; the finished painting is sent whole
# The before and after an empty easel shows: what painting the first photo in the first style comes to.
SHOWN = (EXAMPLES / "photos" / "pagoda.jpg", EXAMPLES / "gallery" / "pagoda-swirls.jpg")
MOST_STYLES = 8
SHOWABLE = {".jpg", ".jpeg", ".png", ".webp", ".gif"}  # by browsers; anything else is turned into PNG
STOPPING = 0.7  # seconds a stopped painting gets to end by itself before its last preview is shown


# An upload handed over as the file it is: `core.images` opens it, and knows more kinds than Gradio does. The class is
# made by `type` because Gradio's own way of making one writes a stub file beside this module.
Picture = type.__new__(
    type(gr.Image),
    "Picture",
    (gr.Image,),
    {"is_template": True, "preprocess": lambda _, payload: payload and payload.path},
)


@dataclasses.dataclass
class Visit:
    """What one browser tab has going: its newest job, and a folder for the files it gets."""

    job: jobs.Job | None = None
    folder: tempfile.TemporaryDirectory = dataclasses.field(
        default_factory=lambda: tempfile.TemporaryDirectory(prefix="ganvas-")
    )

    def file(self, name: str) -> str:
        return str(Path(self.folder.name) / name)


_visits: dict[str, Visit] = {}


def _visit(request: gr.Request) -> Visit:
    if request.session_hash not in _visits:
        _visits[request.session_hash] = Visit()
    return _visits[request.session_hash]


def _job(request: gr.Request) -> jobs.Job | None:
    """The newest job of a tab, if it has one and is still open."""
    visit = _visits.get(request.session_hash)
    return visit and visit.job


def _leave(request: gr.Request) -> None:
    visit = _visits.pop(request.session_hash, None)
    if visit is None:
        return
    if visit.job:
        visit.job.cancel()
    visit.folder.cleanup()


# ---------------------------------------------------------------- a job, from widgets and followed


def _submit(photo: str | None, styles: list | None, style_weights: str, *values: Any) -> jobs.Job:
    """Queue the painting the widgets describe. `values` are those of `SETTINGS`, in its order."""
    if not photo:
        raise UserError("There is no photo yet; upload one or pick an example.")
    if not styles:
        raise UserError("There is no style picture yet; upload one or pick an example.")
    if len(styles) > MOST_STYLES:
        raise UserError(f"There are {len(styles)} style pictures; up to {MOST_STYLES} can be mixed.")
    try:
        shares = tuple(float(part) for part in style_weights.split(",") if part.strip())
    except ValueError:
        raise UserError(f"Style weights are {style_weights!r}; write a number for each picture, like 2, 1.") from None
    request = StyleRequest(**dict(zip(SETTINGS, values, strict=True)), style_shares=shares)
    return jobs.submit(request, images.open_picture(photo), [images.open_picture(path) for path, _ in styles])


async def _followed(job: jobs.Job) -> AsyncIterator[None]:
    """Ticks whenever `job` has news and at least every second, holding no thread; ends when it is over.

    Also ends soon after the visitor pressed stop, even when a large step is still on its way. If the visitor goes away,
    the job is cancelled.
    """
    seen, quiet, stopping = -1, 0.0, 0.0
    try:
        while not job.finished and stopping < STOPPING:
            if job.version != seen or quiet >= 1:
                seen, quiet = job.version, 0.0
                yield
            await asyncio.sleep(0.1)
            quiet += 0.1
            stopping += 0.1 if job.cancelled and job.preview else 0
    except (GeneratorExit, asyncio.CancelledError):
        job.cancel()
        raise


def _words(job: jobs.Job) -> tuple[str, float]:
    """What is going on, in words, and how much of it is done."""
    if job.position:
        others = "1 painting" if job.position == 1 else f"{job.position} paintings"
        return f"Waiting: {others} before yours.", 0.0
    if job.latest is None:
        return "Getting ready.", 0.0
    at = job.latest
    parts = [at.note or f"Step {at.step} of {at.total}"]
    if at.seconds_left is not None:
        parts.append(f"about {look.duration(at.seconds_left)} left")
    return " · ".join(parts), at.step / at.total


def _outcome(job: jobs.Job) -> tuple[Any, Any, dict]:
    """The finished picture, the one off the easel, and the recipe; raises for the visitor what went wrong."""
    if job.result:
        finished, easel = job.result.images
        return finished, easel, dict(job.result.recipe)
    if job.error:
        raise gr.Error(_told(job.error), print_exception=False)
    # Stopped, and a large step is still being finished: the last preview is what there is.
    easel, photo = images.with_alpha_of(job.preview, job.pictures[0]), job.pictures[0]
    finished = images.finish(easel, photo, strength=job.request.strength, keep_colour=job.request.keep_colour)
    return finished, easel, job.request.recipe(stopped_at=job.latest.step)


def _told(error: Exception) -> str:
    """An error in words: a defect is for the log, not for the visitor."""
    return str(error) if isinstance(error, UserError) else "Something broke while painting; the server's log says what."


# ---------------------------------------------------------------- what the API answers


async def api_paint(photo: Any, styles: Any, style_weights: Any, *values: Any) -> AsyncIterator[tuple[Any, dict]]:
    """Paint `photo` in the style of `styles`. Streams (preview, progress) and ends with (painting, recipe)."""
    try:
        job = await asyncio.to_thread(_submit, photo, styles, style_weights, *values)
    except UserError as error:
        raise gr.Error(str(error), print_exception=False) from None
    shown = None
    async with contextlib.aclosing(_followed(job)) as ticks:
        async for _ in ticks:
            words, share = _words(job)
            news = {"state": job.state, "position": job.position, "words": words, "share": round(share, 3)}
            preview, shown = (gr.skip() if job.preview is shown else _small(job.preview)), job.preview
            yield preview, news
    finished, _, recipe = _outcome(job)
    with tempfile.TemporaryDirectory(prefix="ganvas-") as folder:  # Gradio copies the file before it goes on here
        path = Path(folder) / "painting.png"
        await asyncio.to_thread(images.write_png, finished, path, recipe)
        yield str(path), {"state": "done", "recipe": recipe}


@functools.wraps(sample_api.sample)
def _sample(*values: Any, **named: Any) -> dict[str, Any]:
    try:
        return sample_api.sample(*values, **named)
    except UserError as error:
        raise gr.Error(str(error), print_exception=False) from None


# ---------------------------------------------------------------- what the page's widgets do
#
# Handlers of a painting all fill the same widgets, in the order of `_Easel`'s fields.


@dataclasses.dataclass
class _Easel:
    """What the right-hand side shows. A field left alone keeps what is on the page."""

    go: Any = dataclasses.field(default_factory=gr.skip)
    stop: Any = dataclasses.field(default_factory=gr.skip)
    status: Any = dataclasses.field(default_factory=gr.skip)
    preview: Any = dataclasses.field(default_factory=gr.skip)
    compare: Any = dataclasses.field(default_factory=gr.skip)
    curves: Any = dataclasses.field(default_factory=gr.skip)
    finished: Any = dataclasses.field(default_factory=gr.skip)
    png: Any = dataclasses.field(default_factory=gr.skip)
    timelapse: Any = dataclasses.field(default_factory=gr.skip)

    def __iter__(self):
        return iter(getattr(self, field.name) for field in dataclasses.fields(self))


async def _paint(request: gr.Request, photo: Any, styles: Any, style_weights: Any, *values: Any):
    """Paint, and show how it goes."""
    visit = _visit(request)
    if visit.job:
        visit.job.cancel()
    try:
        job = visit.job = await asyncio.to_thread(_submit, photo, styles, style_weights, *values)
    except UserError as error:
        raise gr.Error(str(error), print_exception=False) from None
    yield tuple(
        _Easel(
            go=gr.update(visible=False),
            stop=gr.update(visible=True),
            preview=gr.update(visible=True, value=_small(images.on_white(job.pictures[0]))),
            compare=gr.update(visible=False),
            curves="",
            finished=gr.update(visible=False),
            timelapse=gr.update(visible=False),
        )
    )
    drawn = None
    async with contextlib.aclosing(_followed(job)) as ticks:
        async for _ in ticks:
            now = _Easel(status=look.status(*_words(job)), curves=look.curves(job.curve))
            if job.preview is not drawn:
                drawn = job.preview
                now.preview = _small(drawn)
            yield tuple(now)
    ready = {"go": gr.update(visible=True), "stop": gr.update(visible=False)}
    if job.error:
        yield tuple(_Easel(**ready, status=look.status(_told(job.error))))
        if job.cancelled:
            return
    finished, _, recipe = await asyncio.to_thread(_outcome, job)
    after, before, path = await asyncio.to_thread(_saved, visit, job, finished, recipe)
    note = job.result.note if job.result else "Stopped."
    took = "" if job.cancelled else f"Painted in {look.duration(job.result.seconds)}."
    yield tuple(
        _Easel(
            **ready,
            status=look.status(" ".join(part for part in (took, note, _painter(recipe)) if part)),
            preview=gr.update(visible=False),
            compare=gr.update(visible=True, value=(before, after)),
            curves=look.curves(job.curve),
            finished=gr.update(visible=True),
            png=gr.update(value=path),
        )
    )


def _painter(recipe: dict) -> str:
    return f"Painted with {recipe['painted_with']}." if "painted_with" in recipe else ""


def _small(picture: Any) -> Any:
    preview = picture.copy()
    preview.thumbnail((PREVIEW_SIDE, PREVIEW_SIDE))
    return preview


def _saved(visit: Visit, job: jobs.Job, finished: Any, recipe: dict) -> tuple[str, str, str]:
    """The painting as a PNG with its recipe, and the photo at the same size for comparison, as files."""
    images.write_png(finished, visit.file("painting.png"), recipe)
    photo = images.on_white(job.pictures[0]).resize(finished.size)
    photo.save(visit.file("photo.jpg"), quality=92)
    painting = visit.file("painting.png")
    return painting, visit.file("photo.jpg"), painting


def _afterwards(request: gr.Request, strength: float, keep_colour: bool):
    """Strength and colours of the finished painting, set anew without painting again."""
    job = _job(request)
    if job is None or job.error or not (job.finished or (job.cancelled and job.preview)):
        return gr.skip(), gr.skip()
    _, easel, recipe = _outcome(job)
    finished = images.finish(easel, job.pictures[0], strength=strength, keep_colour=keep_colour)
    recipe.update(strength=strength, keep_colour=keep_colour)
    after, before, path = _saved(_visit(request), job, finished, recipe)
    return gr.update(value=(before, after)), gr.update(value=path)


def _stop(request: gr.Request) -> None:
    job = _job(request)
    if job:
        job.cancel()


def _timelapse(request: gr.Request):
    """The way to the painting as an animation, offered once there is one."""
    job = _job(request)
    if job is None or len(job.frames) < 2:
        return gr.skip()
    path = _visit(request).file("time-lapse.webp")
    images.animation(job.frames, path)
    return gr.update(value=path, visible=True)


def _opened(path: str | None) -> Any:
    """A photo just uploaded: left as it is where browsers show such files, made showable else, or refused in words."""
    if path is None:
        return None
    try:
        picture = images.open_picture(path)
        return gr.skip() if Path(path).suffix.lower() in SHOWABLE else picture
    except UserError as error:
        gr.Warning(str(error))
        return None


def _sent(request: gr.Request) -> Any:
    """The picture another page sent here, if the address names one that is still there."""
    picture = tray.take(request.query_params.get("photo", ""))
    return gr.skip() if picture is None else picture


def _checked(styles: list | None) -> Any:
    """Style pictures just uploaded: those that open stay, the others are named."""
    usable = []
    for path, _ in styles or []:
        try:
            picture = images.open_picture(path)
            usable.append((path if Path(path).suffix.lower() in SHOWABLE else picture, None))
        except UserError as error:
            gr.Warning(str(error))
    return usable


def _picked(chosen: gr.SelectData) -> str:
    return str(_examples("photo")[chosen.index][0])


def _picked_style(styles: list | None, mix: bool, chosen: gr.SelectData) -> list:
    path = str(_examples("painting")[chosen.index][0])
    return [*(styles or []), (path, None)] if mix else [(path, None)]


def _restored(path: str | None) -> list[Any]:
    """The settings a painting was made with, back into the widgets."""
    nothing = [gr.skip()] * (len(SETTINGS) + 2)
    if path is None:
        return nothing
    try:
        recipe = images.read_recipe(path)
        if recipe is None:
            raise UserError("This picture carries no recipe; drop a PNG that was downloaded here.")
        request = StyleRequest.from_recipe(recipe)
    except UserError as error:
        gr.Warning(str(error))
        return nothing
    gr.Info("The settings of that painting are back.")
    return [None, ", ".join(f"{s:g}" for s in request.style_shares), *(getattr(request, name) for name in SETTINGS)]


def _forecast(photo: str | None, *values: Any) -> str:
    """What this painting will take here, told before it starts. The first time, this machine is measured."""
    if photo is None:
        return ""
    try:
        request = StyleRequest(**dict(zip(SETTINGS, values, strict=True)))
        name = choice.choose(request.network)
        if not choice.available()[name]:
            return look.forecast("VGG-19 is downloaded first (50 MB), once.")
        if budget.known(name) is None:
            if not jobs.idle():
                return look.forecast("What it takes will be measured when your turn comes.")
            jobs.submit(MeasureRequest(name)).wait()
        takes = budget.check(request, images.open_picture(photo).size, budget.known(name))
    except UserError as error:
        return look.forecast(str(error))
    memory = f"{takes.memory / 1e9:.1f} GB"
    painter = SETTINGS["network"].choices[name]
    return look.forecast(
        f"About {look.duration(takes.seconds)} and {memory} of memory on this machine. Network: {painter}."
    )


# ---------------------------------------------------------------- the page


def _examples(kind: str) -> list[tuple[Path, str]]:
    """The pictures that come with Ganvas: (file, title)."""
    index = tomllib.loads((EXAMPLES / "index.toml").read_text())
    return [(EXAMPLES / item["file"], item["title"]) for item in index["picture"] if item["kind"] == kind]


def _widget(about: Setting) -> gr.components.Component:
    """The widget that fits a setting, with its bounds, label and help."""
    if about.choices:
        choices = [(label, value) for value, label in about.choices.items()]
        return gr.Radio(choices, value=about.default, label=about.label, info=about.help)
    if about.type is bool:
        return gr.Checkbox(value=about.default, label=about.label, info=about.help)
    if about.name == "seed":
        return gr.Number(value=about.default, label=about.label, info=about.help, precision=0, minimum=about.lo)
    label = f"{about.label} ({about.unit.strip()})" if about.unit else about.label
    return gr.Slider(about.lo, about.hi, value=about.default, step=about.step, label=label, info=about.help)


def build() -> gr.Blocks:
    """The whole app. Nothing is loaded or measured yet."""
    widgets: dict[str, gr.components.Component] = {}
    with gr.Blocks(title="Ganvas · Style", analytics_enabled=False, delete_cache=(3600, 86400)) as app:
        gr.HTML('<p class="alone"><a href="/">Ganvas</a></p>')
        gr.Markdown("# Paint a photo in another picture's style", elem_id="title")
        with gr.Row(equal_height=False):
            with gr.Column(scale=2, min_width=320):
                photo = Picture(
                    _examples("photo")[0][0], label="Your photo", format="png", height=230,
                    sources=["upload", "clipboard"], elem_id="photo",
                )  # fmt: skip
                photo_shelf = _shelf("Photos to try", "photo")
                styles = gr.Gallery(
                    [_examples("painting")[0][0]],
                    label="Style pictures",
                    format="png",
                    interactive=True,
                    type="filepath",
                    columns=3,
                    height=230,
                    elem_id="styles",
                )
                style_shelf = _shelf("Paintings to try", "painting")
                mix = gr.Checkbox(label="Mix several styles", value=False, container=False)
                preset = gr.Radio([(label, name) for name, label in PRESETS.items()], value="good", label="Quality")
                forecast = gr.HTML(padding=False)
                go = gr.Button("Paint", variant="primary", size="lg")
                stop = gr.Button("Stop", variant="stop", size="lg", visible=False)
                with gr.Accordion("More settings", open=False):
                    for name in ("stroke_size", "start", "size", "steps"):
                        widgets[name] = _widget(SETTINGS[name])
                    style_weights = gr.Textbox(
                        "", label="Style weights", info="How much each style picture counts, like 2, 1. Empty: equally."
                    )
                    restore = gr.File(
                        label="Drop a painting here to get its settings back", file_types=[".png"], elem_id="restore"
                    )
                with gr.Accordion("Advanced", open=False):
                    for name, about in SETTINGS.items():
                        if about.advanced:
                            widgets[name] = _widget(about)
            with gr.Column(scale=3, min_width=320, elem_id="easel"):
                preview = gr.Image(
                    label="Painting",
                    interactive=False,
                    format="webp",
                    height=560,
                    buttons=["fullscreen"],
                    elem_id="preview",
                    visible=False,
                )
                compare = gr.ImageSlider(
                    SHOWN, label="Before and after", interactive=False, format="png", max_height=640,
                    buttons=["fullscreen"], slider_position=20, elem_id="compare",
                )  # fmt: skip
                status = gr.HTML(look.status("Press Paint, or choose your own photo and style first."), padding=False)
                with gr.Group(visible=False) as finished:
                    with gr.Row():
                        for name in AFTERWARDS:
                            widgets[name] = _widget(SETTINGS[name])
                    with gr.Row():
                        png = gr.DownloadButton("Download PNG", variant="primary")
                        timelapse = gr.DownloadButton("Download time-lapse", visible=False)
                curves = gr.HTML(padding=False)

        values = [widgets[name] for name in SETTINGS]
        pictures = [photo, styles, style_weights]
        easel = [go, stop, status, preview, compare, curves, finished, png, timelapse]
        private = {"api_visibility": "private", "show_progress": "hidden"}
        go.click(_paint, [*pictures, *values], easel, js=look.SHOW_EASEL, concurrency_limit=None, **private).then(
            _timelapse, None, timelapse, **private
        )
        stop.click(_stop, None, None, queue=False, **private)
        for name in AFTERWARDS:
            event = widgets[name].release if name == "strength" else widgets[name].input
            event(_afterwards, [widgets[name] for name in AFTERWARDS], [compare, png], **private)
        photo.upload(_opened, photo, photo, **private)
        styles.upload(_checked, styles, styles, **private)
        photo_shelf.select(_picked, None, photo, **private)
        style_shelf.select(_picked_style, [styles, mix], styles, **private)
        preset.input(
            lambda name: tuple(STYLE_PRESETS[name].values()), preset, [widgets["size"], widgets["steps"]], **private
        )
        for name in STYLE_PRESETS["good"]:  # moved by hand, it is no preset any more
            widgets[name].input(lambda: None, None, preset, **private)
        restore.upload(_restored, restore, [preset, style_weights, *values], **private)
        gr.on(
            [app.load, photo.change, *(widgets[n].change for n in ("size", "steps", "network", "optimiser"))],
            _forecast, [photo, *values], forecast, trigger_mode="always_last", **private,
        )  # fmt: skip
        app.load(_sent, None, photo, **private)
        _publish(api_paint, [*pictures, *values])
        gr.api(_sample, api_name="sample")
        app.unload(_leave)
    return app.queue(max_size=64)


def _shelf(label: str, kind: str) -> gr.Gallery:
    pictures = [(str(path), title) for path, title in _examples(kind)]
    gr.HTML(f'<p class="caption">{label}</p>', padding=False)
    return gr.Gallery(
        pictures, show_label=False, label=label, interactive=False, allow_preview=False, columns=7, height="auto",
        object_fit="cover", fit_columns=False, buttons=[], container=False, elem_classes="shelf",
    )  # fmt: skip


def _publish(fn: Any, inputs: list) -> None:
    """`fn` as the API's `/paint`: its parameters are the widgets, named after the settings, explained by their help."""
    names = ["photo", "styles", "style_weights", *SETTINGS]
    fn.__signature__ = inspect.Signature(
        [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in names]
    )
    described = ["photo: the file to paint.", f"styles: up to {MOST_STYLES} files.", 'style_weights: like "2, 1".']
    for name, about in SETTINGS.items():
        allowed = f"One of {', '.join(about.choices)}." if about.choices else ""
        described.append(f"{name}: {about.help} {allowed or (about.hi is not None and about.allowed()) or ''}")
    gr.Button(visible=False).click(
        fn, inputs, [gr.Image(visible=False, format="png"), gr.JSON(visible=False)],
        api_name="paint", api_description="\n    ".join([fn.__doc__, *described]), concurrency_limit=None,
    )  # fmt: skip


# ---------------------------------------------------------------- serving


def _serving() -> dict[str, Any]:
    return {
        "theme": look.theme(), "css": look.CSS, "js": look.FRAME_SCRIPT, "footer_links": ["api"], "run_history": False,
        "max_file_size": decode.MAX_BYTES, "show_error": False, "ssr_mode": False, "enable_monitoring": False,
        "allowed_paths": [str(EXAMPLES)],
    }  # fmt: skip


def mounted(root_path: str = "/style") -> Any:
    """The app as an ASGI app, to be mounted at `root_path`. The caller enters its lifespan."""
    from fastapi import FastAPI

    return gr.mount_gradio_app(FastAPI(), build(), path="/", root_path=root_path, **_serving())


def main() -> None:
    serving.require_free(serving.port())
    build().launch(server_name=serving.host(), server_port=serving.port(), **_serving())


if __name__ == "__main__":
    main()
