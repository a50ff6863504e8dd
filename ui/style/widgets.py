"""The kinds of widgets the style app is made of: Gradio's own, with what we need done otherwise. Knows no page."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.data_classes import FileData

from core.errors import UserError
from core.settings import Setting
from core.visitors import identity
from ui.server import files, visitor
from ui.style import programs, view


def _variant(kind: type, **changes: Any) -> type:
    """A kind of widget with other methods, made by `type` because Gradio's own way writes a stub file beside this."""
    return type.__new__(
        type(kind), kind.__name__, (kind,), {"is_template": True, "GRADIO_CACHE": files.FOLDER, **changes}
    )


async def _on_behalf(self: gr.Blocks, **event: Any) -> dict:
    """An event, on behalf of its sender: no other's file is read, and what comes of it goes to theirs."""
    sender = event["request"]
    with files.of(sender.cookies), identity.asking(visitor.of_request(sender)):
        files.require_few(event["inputs"])
        try:
            event["inputs"] = programs.understood(event["block_fn"].api_name, event["inputs"])
        except UserError as error:
            raise gr.Error(str(error), print_exception=False) from None
        files.require_named(event["inputs"])
        if len(event["inputs"]) < len(event["block_fn"].inputs):  # Gradio's own words are a stack trace
            raise gr.Error(f"This takes {len(event['block_fn'].inputs)} values.", print_exception=False)
        with files.written_or_told():
            return await gr.Blocks.process_api(self, **event)


def _asking_for_pictures(self: gr.Blocks, *which: Any, **more: Any) -> dict:
    """What programs are told of the API: a photo and styles have to be sent. The page's examples are no defaults."""
    told = gr.Blocks.get_api_info(self, *which, **more)
    for endpoint in told["named_endpoints"].values():
        for parameter in endpoint["parameters"]:
            if parameter["parameter_name"] in ("photo", "styles"):
                parameter |= {"parameter_has_default": False, "parameter_default": None}
    return told


@functools.cache
def rest_on_pages() -> None:
    """From now on Gradio's pages begin with a script of ours, before any of its own."""
    from gradio import routes

    loader = routes.templates.env.loader
    found = loader.get_source

    def with_script(*asked: Any) -> tuple[Any, ...]:
        page, *more = found(*asked)
        return page.replace("<head>", f"<head><script>{view.REST}</script>", 1), *more

    loader.get_source = with_script


def _as_it_is(_: gr.components.Component, payload: Any) -> str | None:
    """An upload handed over as the file it is: `core.pictures` knows more kinds than Gradio, and by their content."""
    return None if payload is None else payload.path


async def _understood(self: gr.Blocks, block_fn: Any, inputs: list[Any], *more: Any, **named: Any) -> list[Any]:
    """What was sent, as the handler takes it. What no widget sends is refused in a sentence, and told in a line."""
    try:
        with files.fetched_or_told(inputs):
            return await gr.Blocks.preprocess_data(self, block_fn, inputs, *more, **named)
    except gr.Error as refusal:
        refusal.print_exception = False
        raise
    except OSError:
        raise
    except Exception as error:
        print(f"{block_fn.api_name}: {type(error).__name__} {str(error)[:200]!r}", flush=True)
        raise gr.Error("What was sent makes no sense here; load the page again.", print_exception=False) from None


Page = _variant(gr.Blocks, process_api=_on_behalf, preprocess_data=_understood, get_api_info=_asking_for_pictures)
Picture = _variant(gr.Image, preprocess=_as_it_is)
Document = _variant(gr.File, preprocess=_as_it_is)
Pictures, Painting = _variant(gr.Gallery), _variant(gr.Image)


def _plays_as_it_is(_: gr.Video, value: str | None) -> FileData | None:
    """A film of ours: every browser plays it, and nothing has to be made of it first."""
    return None if value is None else FileData(path=value, orig_name=Path(value).name)


Film = _variant(gr.Video, postprocess=_plays_as_it_is)


def _as_sent(_: gr.components.Component, payload: Any) -> Any:
    """A number handed over as it was written: its setting says what is allowed, where Gradio only breaks off."""
    return payload


Number, Slider = _variant(gr.Number, preprocess=_as_sent), _variant(gr.Slider, preprocess=_as_sent)


def _described_once(kind: type) -> type:
    """For what a painting's news go to. With every answer Gradio describes such a widget anew to programs, which took
    half of the server's time where fifty visitors were waiting (bench/load.py)."""
    description = kind(render=False).api_info()
    return _variant(kind, api_info=lambda _: description)


Preview, Compared = _described_once(gr.Image), _described_once(gr.ImageSlider)
Download = _described_once(gr.DownloadButton)


def of_setting(about: Setting) -> gr.components.Component:
    """The widget that fits a setting, with its bounds, label and help."""
    if about.choices:
        choices = [(label, value) for value, label in about.choices.items()]
        return gr.Radio(choices, value=about.default, label=about.label, info=about.help)
    if about.type is bool:
        return gr.Checkbox(value=about.default, label=about.label, info=about.help)
    if about.name == "seed":
        bounds = {"minimum": about.lo, "maximum": about.hi}
        return Number(value=about.default, label=about.label, info=about.help, precision=0, **bounds)
    label = f"{about.label} ({about.unit.strip()})" if about.unit else about.label
    return Slider(about.lo, about.hi, value=about.default, step=about.step, label=label, info=about.help)


def shelf(label: str, kind: str) -> gr.Gallery:
    """Pictures that come with Ganvas, to be picked from."""
    pictures = [(str(path), title) for path, title in view.examples(kind)]
    gr.HTML(f'<p class="caption">{label}</p>', padding=False)
    return Pictures(
        pictures, show_label=False, label=label, interactive=False, allow_preview=False, columns=7, height="auto",
        object_fit="cover", fit_columns=False, buttons=[], container=False, elem_classes="shelf",
    )  # fmt: skip
