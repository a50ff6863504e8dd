"""The style studio: a Gradio app that repaints a photo in the style of other pictures.

    python style_app.py        (alone)            or mounted at /style by app.py

The page: its widgets, and which of them does what. What they do is in `ui/style/events.py`; torch is not imported
before the first job.
"""

from __future__ import annotations

import inspect
from typing import Any

import gradio as gr
from starlette.middleware import Middleware

from core.settings import Setting
from core.style.request import STYLE_PRESETS, StyleRequest
from core.visitors import identity, policy
from ui.server import files, network, patience, serving, turns, visitor
from ui.server.gate import Gate
from ui.style import events as do
from ui.style import painting, view
from ui.style.painting import MOST_STYLES, SETTINGS

SAMPLES = 48  # calls of /sample at a time, so that those that fetch hold up no others; twice what one address may ask
AFTERWARDS = ("strength", "keep_colour")  # these need no new painting
PRESETS = {"draft": "Draft", "good": "Good", "fine": "Fine"}
# The before and after an empty easel shows: what painting the first photo in the first style comes to.
SHOWN = (view.EXAMPLES / "photos" / "pagoda.jpg", view.EXAMPLES / "gallery" / "pagoda-swirls.jpg")


def _variant(kind: type, **changes: Any) -> type:
    """A kind of widget with other methods, made by `type` because Gradio's own way writes a stub file beside this."""
    return type.__new__(
        type(kind), kind.__name__, (kind,), {"is_template": True, "GRADIO_CACHE": files.FOLDER, **changes}
    )


async def _on_behalf(self: gr.Blocks, **event: Any) -> dict:
    """An event, on behalf of its sender: no other's file is read, and what comes of it goes to theirs."""
    sender = event["request"]
    with files.of(sender.cookies), identity.asking(visitor.of_request(sender)):
        files.require_named(event["inputs"])
        if len(event["inputs"]) < len(event["block_fn"].inputs):  # Gradio's own words are a stack trace
            raise gr.Error(f"This takes {len(event['block_fn'].inputs)} values.", print_exception=False)
        with files.written_or_told():
            return await gr.Blocks.process_api(self, **event)


Page = _variant(gr.Blocks, process_api=_on_behalf)
# An upload handed over as the file it is: `core.pictures.images` opens it, and knows more kinds than Gradio does.
Picture = _variant(gr.Image, preprocess=lambda _, payload: payload and payload.path)
Pictures, Document, Painting = _variant(gr.Gallery), _variant(gr.File), _variant(gr.Image)


def _described_once(kind: type) -> type:
    """For what a painting's news go to. With every answer Gradio describes such a widget anew to programs, which took
    half of the server's time where fifty visitors were waiting (bench/load.py)."""
    description = kind(render=False).api_info()
    return _variant(kind, api_info=lambda _: description)


Preview, Compared = _described_once(gr.Image), _described_once(gr.ImageSlider)
Download = _described_once(gr.DownloadButton)


# ---------------------------------------------------------------- the page


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
    settings = policy.settings_of(StyleRequest)
    with Page(title="Ganvas · Style", analytics_enabled=False, delete_cache=(3600, 86400)) as app:
        gr.HTML('<p class="alone"><a href="/">Ganvas</a></p>')
        gr.Markdown("# Paint a photo in another picture's style", elem_id="title")
        with gr.Row(equal_height=False):
            with gr.Column(scale=2, min_width=320):
                photo = Picture(
                    view.examples("photo")[0][0], label="Your photo", format="png", height=230,
                    sources=["upload", "clipboard"], elem_id="photo",
                )  # fmt: skip
                photo_shelf = _shelf("Photos to try", "photo")
                styles = Pictures(
                    [view.examples("painting")[0][0]],
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
                notice = gr.HTML(padding=False)
                if policy.public():
                    gr.HTML(f'<p class="caption">{view.public_limits()}</p>', padding=False)
                with gr.Accordion("More settings", open=False):
                    for name in ("stroke_size", "start", "size", "steps"):
                        widgets[name] = _widget(settings[name])
                    style_weights = gr.Textbox(
                        "", label="Style weights", info="How much each style picture counts, like 2, 1. Empty: equally."
                    )
                    restore = Document(
                        label="Drop a painting here to get its settings back", file_types=[".png"], elem_id="restore"
                    )
                with gr.Accordion("Advanced", open=False):
                    for name, about in settings.items():
                        if about.advanced:
                            widgets[name] = _widget(about)
            with gr.Column(scale=3, min_width=320, elem_id="easel"):
                go = gr.Button("Paint", variant="primary", size="lg")
                stop = gr.Button("Stop", variant="stop", size="lg", visible=False)
                forecast = gr.HTML(padding=False)
                preview = Preview(
                    label="Painting",
                    interactive=False,
                    format="webp",
                    buttons=["fullscreen"],
                    elem_id="preview",
                    visible=False,
                )
                compare = Compared(
                    SHOWN, label="Before and after", interactive=False, format="png", max_height=640,
                    buttons=["fullscreen"], slider_position=20, elem_id="compare",
                )  # fmt: skip
                status = gr.HTML(view.status("Press Paint, or choose your own photo and style first."), padding=False)
                with gr.Group(visible=False) as finished:
                    with gr.Row():
                        for name in AFTERWARDS:
                            widgets[name] = _widget(settings[name])
                    with gr.Row():
                        png = Download("Download PNG", variant="primary")
                        timelapse = Download("Download time-lapse", visible=False)
                curves = gr.HTML(padding=False)

        values = [widgets[name] for name in SETTINGS]
        pictures = [photo, styles, style_weights]
        easel = [go, stop, status, preview, compare, curves, finished, png, timelapse]
        private = {"api_visibility": "private", "show_progress": "hidden"}
        # Answered at once, past Gradio's queue: its stream closes when the last queued event of a tab is over, and one
        # that is sent at that moment would never be answered (seen with gradio 6.31: a size is changed, Paint pressed).
        at_once = {**private, "queue": False}
        go.click(do.start, [*pictures, *values], easel, js=view.SHOW_EASEL, concurrency_limit=None, **private).then(
            do.timelapse, None, timelapse, **at_once
        )
        stop.click(do.stop, None, None, **at_once)
        for name in AFTERWARDS:
            event = widgets[name].release if name == "strength" else widgets[name].input
            event(do.afterwards, [widgets[name] for name in AFTERWARDS], [compare, png], **at_once)
        photo.upload(do.opened, photo, [photo, notice], **at_once)
        styles.upload(do.usable_styles, styles, [styles, notice], **at_once)
        photo_shelf.select(do.picked, None, photo, **at_once)
        style_shelf.select(do.picked_style, [styles, mix], styles, **at_once)
        preset.input(
            lambda name: tuple(STYLE_PRESETS[name].values()), preset, [widgets["size"], widgets["steps"]], **at_once
        )
        for name in STYLE_PRESETS["good"]:  # moved by hand, it is no preset any more
            widgets[name].input(lambda: None, None, preset, **at_once)
        restore.upload(do.restored, restore, [notice, preset, style_weights, *values], **at_once)
        gr.on(
            [app.load, photo.change, *(widgets[n].change for n in ("size", "steps", "network", "optimiser"))],
            do.forecast, [photo, *values], forecast, trigger_mode="always_last", **at_once,
        )  # fmt: skip
        app.load(do.sent, None, photo, **at_once)
        _publish(painting.paint, [*pictures, *values])
        gr.api(painting.sample, api_name="sample", concurrency_limit=SAMPLES)
        app.unload(painting.leave)
    app.max_threads = turns.AT_ONCE
    return turns.kept(app.queue(max_size=turns.AT_ONCE))


def _shelf(label: str, kind: str) -> gr.Gallery:
    pictures = [(str(path), title) for path, title in view.examples(kind)]
    gr.HTML(f'<p class="caption">{label}</p>', padding=False)
    return Pictures(
        pictures, show_label=False, label=label, interactive=False, allow_preview=False, columns=7, height="auto",
        object_fit="cover", fit_columns=False, buttons=[], container=False, elem_classes="shelf",
    )  # fmt: skip


def _publish(fn: Any, inputs: list) -> None:
    """`fn` as the API's `/paint`: its parameters are the widgets, named after the settings, explained by their help."""
    names = ["request", "photo", "styles", "style_weights", *SETTINGS]  # the request is Gradio's, and not shown
    fn.__signature__ = inspect.Signature(
        [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in names]
    )
    described = ["photo: the file to paint.", f"styles: up to {MOST_STYLES} files.", 'style_weights: like "2, 1".']
    for name, about in policy.settings_of(StyleRequest).items():
        allowed = f"One of {', '.join(about.choices)}." if about.choices else ""
        described.append(f"{name}: {about.help} {allowed or (about.hi is not None and about.allowed()) or ''}")
    gr.Button(visible=False).click(
        fn, inputs, [Painting(visible=False, format="png"), gr.JSON(visible=False)],
        api_name="paint", api_description="\n    ".join([fn.__doc__, *described]), concurrency_limit=None,
    )  # fmt: skip


# ---------------------------------------------------------------- serving


# Of the app that Gradio makes: they come before its own.
OURS = {"routes": files.ROUTES, "openapi_url": None}


def _serving() -> dict[str, Any]:
    return {
        "theme": view.theme(), "css": view.CSS, "js": view.FRAME_SCRIPT, "footer_links": ["api"], "run_history": False,
        "max_file_size": policy.limits().picture_bytes, "show_error": False, "ssr_mode": False,
        "enable_monitoring": False, "allowed_paths": [str(view.EXAMPLES)],
    }  # fmt: skip


def mounted(root_path: str = "/style") -> Any:
    """The app as an ASGI app, to be mounted at `root_path`. The caller enters its lifespan."""
    from fastapi import FastAPI

    app = FastAPI(openapi_url=None)  # which would be explained at /docs and /redoc
    page = files.as_launched(build())
    return gr.mount_gradio_app(app, page, path="/", root_path=root_path, app_kwargs=OURS, **_serving())


def main() -> None:
    serving.require_free(serving.port())
    network.believe_peers()
    patience.keep()
    ours = {**OURS, "middleware": [Middleware(Gate)]}
    build().launch(
        max_threads=turns.AT_ONCE, server_name=serving.host(), server_port=serving.port(), app_kwargs=ours, **_serving()
    )


if __name__ == "__main__":
    main()
