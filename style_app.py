"""The style studio: a Gradio app that repaints a photo in the style of other pictures.

    python style_app.py        (alone)            or mounted at /style by app.py

Which widget does what. Where they stand is in `ui/style/layout.py`, what they do in `ui/style/events.py`; torch is not
imported before the first job.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

if __name__ == "__main__":  # Gradio would end in a stack trace when it is imported, and write what nobody reads
    from core import proxies
    from ui.server import stubs

    proxies.settle()
    stubs.leave_unwritten()

import gradio as gr
from starlette.middleware import Middleware

from core import faults
from core.style.request import STYLE_PRESETS, ClipRequest, InstantRequest, StyleRequest
from core.visitors import policy, sweep
from ui.server import files, serving, subpath, turns
from ui.server.gate import Gate
from ui.style import clips, layout, looks, painting, programs, view, widgets
from ui.style import events as do
from ui.style.painting import AFTERWARDS, MOST_STYLES, SETTINGS

SAMPLES = 48  # calls of /sample at a time, so that those that fetch hold up no others; twice what one address may ask
GIVEN, OF_CLIP = ("photo", "styles", "style_weights"), ("clip", "styles", "style_weights")
ASKED = (*GIVEN, *SETTINGS)  # what a painting is asked for with; the API's order
PRIVATE = {"api_visibility": "private", "show_progress": "hidden"}
# Answered at once, past Gradio's queue: its stream closes when the last queued event of a tab is over, and one that is
# sent at that moment would never be answered (seen with gradio 6.31: a size is changed, Paint pressed).
AT_ONCE = {**PRIVATE, "queue": False}
LATEST = {**AT_ONCE, "trigger_mode": "always_last"}  # what comes while another is being answered is answered, too
# Where it counts which picture was picked or uploaded: Gradio sends what it puts off with the event that it waited for.
EACH = {**AT_ONCE, "trigger_mode": "multiple"}


def build() -> gr.Blocks:
    """The whole app. Nothing is loaded or measured yet."""
    subpath.relative_on_pages()
    widgets.rest_on_pages()
    settings = policy.settings_of(StyleRequest)
    with widgets.Page(title="Ganvas · Style", analytics_enabled=False, delete_cache=(3600, 86400)) as app:
        gr.HTML('<p class="alone"><a href="../">Ganvas</a></p><a id="skip" href="#bar">Skip to Paint</a>')
        gr.Markdown("# Paint a photo in another picture's style", elem_id="title")
        with gr.Row(equal_height=False):
            with gr.Column(scale=2, min_width=320):
                page = layout.pictures() | layout.settings(settings) | layout.clip()
            with gr.Column(scale=3, min_width=320, elem_id="easel"):
                page |= layout.easel(settings)
        _connect_easel(page)
        _connect_pictures(page)
        _connect_settings(page)
        _connect_clip(page)
        shape = [page[name].change for name in ("photo", "freedom", "size", "steps", "network", "optimiser")]
        gr.on([app.load, *shape], **_forecast(page))
        _connect_last(app, page)
        _publish(page)
        gr.api(painting.sample, api_name="sample", concurrency_limit=SAMPLES)
        app.unload(looks.leave)
    app.max_threads, app.state_session_capacity = turns.AT_ONCE, policy.limits().pages
    return turns.kept(app.queue(max_size=turns.AT_ONCE))


def _some(page: layout.Widgets, names: tuple[str, ...]) -> layout.Widgets:
    return {name: page[name] for name in names}


def _forecast(page: layout.Widgets) -> dict[str, Any]:
    about = _some(page, ("photo", *SETTINGS))
    return {"fn": do.forecast, "inputs": None, "outputs": page["forecast"], "inputs_kwargs": about, **LATEST}


def _easel(page: layout.Widgets) -> list[Any]:
    return [page[name] for name in do.Easel.names()]


def _connect_easel(page: layout.Widgets) -> None:
    easel, asked = _easel(page), _some(page, ASKED)
    painted = page["go"].click(
        do.start, None, easel, inputs_kwargs=asked, js=view.SHOW_PICTURE, concurrency_limit=None, **PRIVATE
    )
    followed = page["following"].change(
        do.follow, page["following"], easel, concurrency_limit=None, trigger_mode="multiple", **PRIVATE
    )
    for ended in (painted, followed):
        ended = ended.then(do.timelapse, None, page["timelapse"], **AT_ONCE)
        ended = ended.then(do.look_anew, None, easel, inputs_kwargs=asked, **LATEST)
        ended.then(**_forecast(page))  # for which no machine is measured while it is painted
    page["stop"].click(do.stop, None, page["status"], **AT_ONCE)
    for name in AFTERWARDS:
        page[name].change(do.afterwards, None, page["set"], inputs_kwargs=_some(page, (name,)), **LATEST)
    page["set"].change(do.as_set, None, [page["compare"], page["png"]], **LATEST)


def _connect_last(app: gr.Blocks, page: layout.Widgets) -> None:
    """The visitor's last paintings. One that is still at work is followed."""
    easel = _easel(page)
    how = [page[name] for name in painting.HOW]
    shown = [page["photo"], *how, *easel, page["following"]]
    reel = [page["clip"], page["clip_place"], *how, *_reel(page), page["clip_following"]]
    app.load(do.found, None, shown, **AT_ONCE).then(clips.found, None, reel, **AT_ONCE).then(
        do.look_at_sent, None, easel, inputs_kwargs=_some(page, ASKED), **LATEST
    )
    page["strip"].select(do.chosen, None, shown, **EACH)
    page["throw"].click(do.throw_away, None, easel, **AT_ONCE)


def _connect_pictures(page: layout.Widgets) -> None:
    photo, styles, mix = page["photo"], page["styles"], page["mix"]
    of_photo, of_styles = page["photo_answer"], page["styles_answer"]
    changes = [
        photo.upload(do.opened, photo, [photo, of_photo], **LATEST),
        styles.upload(do.usable_styles, [styles, mix], [styles, mix, of_styles], **EACH),
        styles.delete(do.removed, **EACH),  # a page tells of it before it has taken it away
        mix.input(do.mixed, [styles, mix], [styles, page["style_weights"]], **AT_ONCE),
        page["photo_shelf"].select(do.picked, None, [photo, of_photo], **EACH),
        page["style_shelf"].select(do.picked_style, [styles, mix], [styles, of_styles], **EACH),
    ]
    look = {"fn": do.first_look, "inputs": None, "outputs": _easel(page), "inputs_kwargs": _some(page, ASKED), **LATEST}
    for change in changes:  # once it is made; `found` and `chosen` bring pictures that were painted already
        change.then(**look)
    gr.on([page[name].change for name in ("style_weights", *SETTINGS)], **look | {"fn": do.look_again})
    photo.clear(do.cleared, None, page["status"], **EACH)
    styles.change(do.no_styles, styles, page["status"], **LATEST)


def _connect_settings(page: layout.Widgets) -> None:
    preset = page["preset"]
    preset.input(do.preset, preset, [page["size"], page["steps"]], **AT_ONCE)
    for name in STYLE_PRESETS["good"]:
        page[name].input(do.no_preset, None, preset, **AT_ONCE)
    back = [page[name] for name in ("restore_answer", "preset", "style_weights", *SETTINGS)]
    page["restore"].upload(do.restored, [page["restore"], page["styles"]], back, **LATEST)


def _reel(page: layout.Widgets) -> list[Any]:
    return [page[f"clip_{name}"] for name in clips.Reel.names()]


def _connect_clip(page: layout.Widgets) -> None:
    reel, following = _reel(page), page["clip_following"]
    page["clip_go"].click(
        clips.start, None, reel, inputs_kwargs=_some(page, (*OF_CLIP, *SETTINGS)), js=view.SHOW_CLIP,
        concurrency_limit=None, **PRIVATE,
    )  # fmt: skip
    gr.on([page["clip"].upload, page["clip"].clear], clips.given, None, page["clip_status"], **AT_ONCE)
    page["clip_stop"].click(clips.stop, None, page["clip_status"], **AT_ONCE)
    page["clip_throw"].click(clips.throw_away, None, reel, **AT_ONCE)
    following.change(clips.follow, following, reel, concurrency_limit=None, trigger_mode="multiple", **PRIVATE)


def _publish(page: layout.Widgets) -> None:
    """The API's functions: their parameters are the widgets, named after the settings, explained by their help."""
    published = [
        (painting.paint, StyleRequest, GIVEN, SETTINGS),
        (painting.instant, InstantRequest, GIVEN, InstantRequest.counting),
        (clips.clip, ClipRequest, OF_CLIP, ClipRequest.counting),
    ]
    for function, kind, given, counting in published:
        made = widgets.Document(visible=False) if given is OF_CLIP else widgets.Painting(visible=False, format="png")
        gr.Button(visible=False).click(
            function, None, [made, gr.JSON(visible=False)], inputs_kwargs=_some(page, (*given, *counting)),
            api_name=function.__name__, concurrency_limit=None,
            api_description="\n    ".join([function.__doc__, *_described(kind, given[0], counting)]),
        )  # fmt: skip


def _described(kind: type[StyleRequest], what: str, counting: Collection[str]) -> Iterator[str]:
    """What the API's page says of the parameters, one after another."""
    yield f"{what}: the file to paint."
    yield f"styles: up to {MOST_STYLES} files."
    yield 'style_weights: like "2, 1".'
    for name, about in policy.settings_of(kind).items():
        if name not in counting:
            continue
        allowed = ""
        if about.choices:
            allowed = f"One of {', '.join(about.choices)}."
        elif about.hi is not None:
            allowed = about.allowed()
        yield f"{name}: {about.help} {allowed}"


# ---------------------------------------------------------------- serving


# Of the app that Gradio makes: they come before its own.
OURS = {"routes": [*files.routes(), *programs.ROUTES], "openapi_url": None}


def _serving() -> dict[str, Any]:
    return {
        "theme": view.theme(), "css": view.CSS, "js": view.SCRIPT, "footer_links": ["api"], "run_history": False,
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
    serving.get_ready()
    ours = {**OURS, "middleware": [Middleware(Gate)]}
    page = build()
    with serving.past_proxies():  # it asks itself whether it answers
        page.launch(
            max_threads=turns.AT_ONCE,
            state_session_capacity=policy.limits().pages,
            server_name=serving.in_address(),
            server_port=serving.port(),
            app_kwargs=ours,
            **_serving(),
            prevent_thread_lock=True,
        )
    with faults.again(sweep.sweep, sweep.EVERY_SECONDS):
        page.block_thread()


if __name__ == "__main__":
    main()
