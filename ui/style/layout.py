"""What stands where on the style page. Each function draws its part and hands over its widgets by name; those of
settings bear the settings' names. What they do, `style_app.py` and `ui.style.events` know."""

from __future__ import annotations

from collections.abc import Mapping

import gradio as gr

from core.pictures import film
from core.settings import Setting
from core.visitors import policy
from ui.style import view, widgets
from ui.style.painting import AFTERWARDS

Widgets = dict[str, gr.components.Component]

PRESETS = {"draft": "Draft", "good": "Good", "fine": "Fine"}
BASIC = ("stroke_size", "start", "size", "steps")
# The before and after an empty easel shows: what painting the first photo in the first style comes to.
SHOWN = (view.EXAMPLES / "photos" / "pagoda.jpg", view.EXAMPLES / "gallery" / "pagoda-swirls.jpg")


def pictures() -> Widgets:
    """The photo and the style pictures, each with a shelf of examples."""
    photo = widgets.Picture(
        view.first("photo"), label="Your photo", format="png", height=230,
        sources=["upload", "clipboard"], elem_id="photo",
    )  # fmt: skip
    photo_answer = gr.HTML(padding=False, elem_id="photo-answer")
    photo_shelf = widgets.shelf("Photos to try", "photo")
    styles = widgets.Pictures(
        [view.first("painting")], label="Style pictures", format="png", interactive=True, type="filepath",
        columns=3, height=230, elem_id="styles",
    )  # fmt: skip
    styles_answer = gr.HTML(padding=False, elem_id="styles-answer")
    style_shelf = widgets.shelf("Paintings to try", "painting")
    mix = gr.Checkbox(label="Mix several styles", value=False, container=False)
    return {
        "photo": photo, "photo_answer": photo_answer, "photo_shelf": photo_shelf, "styles": styles,
        "styles_answer": styles_answer, "style_shelf": style_shelf, "mix": mix,
    }  # fmt: skip


def settings(about: Mapping[str, Setting]) -> Widgets:
    """How to paint: how boldly, the quality in one choice, and everything else folded away."""
    drawn: Widgets = {}
    drawn["freedom"] = widgets.of_setting(about["freedom"])
    drawn["preset"] = gr.Radio([(label, name) for name, label in PRESETS.items()], value="good", label="Quality")
    if policy.public():
        gr.HTML(f'<p class="caption">{view.public_limits()}</p>', padding=False)
    with gr.Accordion("More settings", open=False):
        for name in BASIC:
            drawn[name] = widgets.of_setting(about[name])
        drawn["style_weights"] = gr.Textbox(
            "", label="Style weights", info="How much each style picture counts, like 2, 1. Empty: equally."
        )
        drawn["restore"] = widgets.Document(
            label="Drop a painting here to get its settings back", file_types=[".png"], elem_id="restore"
        )
        drawn["restore_answer"] = gr.HTML(padding=False, elem_id="restore-answer")
    with gr.Accordion("Advanced", open=False):
        for name, one in about.items():
            if one.advanced:
                drawn[name] = widgets.of_setting(one)
    return drawn


def clip() -> Widgets:
    """A clip in place of the photo, folded away: all that belongs to it stands here."""
    drawn: Widgets = {}
    with gr.Accordion("A clip in place of the photo", open=False, elem_id="clip-place") as drawn["clip_place"]:
        drawn["clip"] = widgets.Document(
            label="Drop a GIF, WebP, APNG or short video here", file_types=[*film.READ], elem_id="clip", height=140
        )
        gr.HTML(f'<p class="caption">{view.clip_limits()}</p>', padding=False)
        drawn["clip_go"] = gr.Button("Paint the clip")
        drawn["clip_stop"] = gr.Button("Stop the clip", variant="stop", visible=False)
        drawn["clip_status"] = gr.HTML(padding=False)
        drawn["clip_moves"] = widgets.Preview(
            label="Painted clip",
            interactive=False,
            format="webp",
            buttons=["fullscreen"],
            visible=False,
            elem_id="clip-moves",
        )
        drawn["clip_plays"] = widgets.Film(
            label="Painted clip", interactive=False, visible=False, loop=True, autoplay=True, elem_id="clip-plays"
        )
        with gr.Row(visible=False) as drawn["clip_finished"]:
            drawn["clip_file"] = widgets.Download("Download clip", variant="primary")
            drawn["clip_throw"] = gr.Button("Throw the clip away")
        drawn["clip_following"] = gr.Number(visible="hidden")
    return drawn


def easel(about: Mapping[str, Setting]) -> Widgets:
    """Where it is painted, and what can be done with the painting."""
    drawn: Widgets = {}
    with gr.Column(elem_id="bar"):  # it stays in sight
        drawn["status"] = gr.HTML(padding=False, elem_id="status")
        drawn["go"] = gr.Button("Paint", variant="primary", size="lg")
        drawn["stop"] = gr.Button("Stop", variant="stop", size="lg", visible=False)
        drawn["forecast"] = gr.HTML(padding=False)
    drawn["preview"] = widgets.Preview(
        label="Painting", interactive=False, format="jpeg", buttons=["fullscreen"], elem_id="preview", visible=False
    )  # a WebP takes forty times as long to write
    drawn["compare"] = widgets.Compared(
        SHOWN, label="Before and after", interactive=False, format="webp", max_height=640, buttons=["fullscreen"],
        slider_position=20, elem_id="compare",
    )  # fmt: skip
    with gr.Group(visible=False) as drawn["adjust"], gr.Row():
        for name in AFTERWARDS:
            drawn[name] = widgets.of_setting(about[name])
    drawn["set"] = gr.Number(visible="hidden")  # when one of them was
    with gr.Row(visible=False) as drawn["finished"]:
        drawn["png"] = widgets.Download("Download PNG", variant="primary")
        drawn["timelapse"] = widgets.Download("Download time-lapse", visible=False)
        drawn["throw"] = gr.Button("Throw away")
    drawn["curves"] = gr.HTML(padding=False)
    drawn["strip"] = widgets.Pictures(
        label="Your last paintings", visible=False, interactive=False, allow_preview=False, columns=7, height="auto",
        object_fit="cover", format="webp", buttons=[], elem_id="strip", elem_classes="shelf",
    )  # fmt: skip
    drawn["following"] = gr.Number(visible="hidden")
    return drawn
