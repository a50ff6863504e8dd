"""What the style app's widgets do: handlers of Gradio's events. Which widget calls which, `style_app.py` knows."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import time
from pathlib import Path
from typing import Any

import gradio as gr

from core import amounts, jobs
from core.errors import UserError
from core.pictures import images
from core.style import dispatch
from core.style.request import STYLE_PRESETS, StyleRequest, enough
from core.visitors import paintings, policy, tray
from core.visitors.paintings import Painting
from ui.style import view
from ui.style.painting import (
    MOST_STYLES,
    SETTINGS,
    error_text,
    followed,
    outcome,
    painting_of,
    shows_something,
    small,
    submit,
    words,
)

QUIET = 0.25  # seconds between news for each painting that is before one's own
GLANCE = 65_536  # pixels of a picture that is only looked at
SHOWABLE = {".jpg", ".jpeg", ".png", ".webp", ".gif"}  # by browsers; anything else is turned into PNG


# ---------------------------------------------------------------- what the page's widgets do
#
# Handlers of a painting all fill the same widgets, in the order of `Easel`'s fields.


@dataclasses.dataclass
class Easel:
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


async def start(request: gr.Request, **asked: Any):
    """Paint what `asked` describes (see `submit`), and show how it goes."""
    try:
        painting = await asyncio.to_thread(submit, request, **asked)
    except UserError as error:
        raise gr.Error(str(error), print_exception=False) from None
    paintings.keep(painting)
    job = painting.job
    yield tuple(
        Easel(
            go=gr.update(visible=False),
            stop=gr.update(visible=True),
            preview=gr.update(visible=True, value=small(images.on_white(painting.photo))),
            compare=gr.update(visible=False),
            curves="",
            finished=gr.update(visible=False),
            timelapse=gr.update(visible=False),
        )
    )
    drawn, said, quiet_until = None, None, 0.0
    async with contextlib.aclosing(followed(job)) as ticks:
        async for _ in ticks:
            # For each answer Gradio makes all these widgets anew: who is far back in the line is told less often.
            nothing_new = words(job) == said and job.preview is drawn
            if nothing_new or (job.position and time.monotonic() < quiet_until):
                continue
            said, quiet_until = words(job), time.monotonic() + job.position * QUIET
            now = Easel(status=view.status(*said), curves=view.curves(job.curve))
            if job.preview is not drawn:
                drawn = job.preview
                now.preview = small(drawn)
            yield tuple(now)
    ready = {"go": gr.update(visible=True), "stop": gr.update(visible=False)}
    if job.error:
        yield tuple(Easel(**ready, status=view.status(error_text(job.error))))
        if job.cancelled:
            return
    if painting_of(request) is not painting:  # the visitor has left, and the folder for files is gone
        return
    finished, _, recipe = await asyncio.to_thread(outcome, painting)
    after, before, path = await asyncio.to_thread(_saved, painting, finished, recipe)
    note = job.result.note if job.result else "Stopped."
    took = "" if job.cancelled else f"Painted in {amounts.duration(job.result.seconds)}."
    yield tuple(
        Easel(
            **ready,
            status=view.status(" ".join(part for part in (took, note, _painter(recipe)) if part)),
            preview=gr.update(visible=False),
            compare=gr.update(visible=True, value=(before, after)),
            curves=view.curves(job.curve),
            finished=gr.update(visible=True),
            png=gr.update(value=path),
        )
    )


def _painter(recipe: dict) -> str:
    return f"Painted with {recipe['painted_with']}." if "painted_with" in recipe else ""


def _saved(painting: Painting, finished: Any, recipe: dict) -> tuple[str, str, str]:
    """The painting as a PNG with its recipe, and the photo at the same size for comparison, as files."""
    after, before = painting.file("painting.png"), painting.file("photo.jpg")
    images.write_png(finished, after, recipe)
    images.on_white(painting.photo).resize(finished.size).save(before, quality=92)
    return after, before, after


def afterwards(request: gr.Request, strength: float, keep_colour: bool):
    """Strength and colours of the finished painting, set anew without painting again."""
    painting = painting_of(request)
    if painting is None or not shows_something(painting.job):
        return gr.skip(), gr.skip()
    _, easel, recipe = outcome(painting)
    finished = images.finish(easel, painting.photo, strength=strength, keep_colour=keep_colour)
    recipe.update(strength=strength, keep_colour=keep_colour)
    after, before, path = _saved(painting, finished, recipe)
    return gr.update(value=(before, after)), gr.update(value=path)


def stop(request: gr.Request) -> None:
    painting = painting_of(request)
    if painting:
        painting.job.cancel()


def timelapse(request: gr.Request):
    """The way to the painting as an animation, offered once there is one."""
    painting = painting_of(request)
    if painting is None or len(painting.job.frames) < 2:
        return gr.skip()
    path = painting.file("time-lapse.webp")
    images.animation(painting.job.frames, path)
    return gr.update(value=path, visible=True)


def opened(path: str | None) -> tuple[Any, str]:
    """A photo just uploaded: left as it is where browsers show such files, made showable else, or refused in words."""
    if path is None:
        return None, ""
    try:
        picture = _showable(path)
    except UserError as error:
        return None, view.notice(str(error))
    return (gr.skip() if picture is None else picture), ""


def _showable(path: str) -> Any:
    """None for a picture that browsers show, and that can be opened; others as large as a painting can need them."""
    if Path(path).suffix.lower() in SHOWABLE:
        images.open_picture(path, max_pixels=GLANCE)
        return None
    largest = StyleRequest(size=policy.settings_of(StyleRequest)["size"].hi)
    return images.open_picture(path, max_pixels=enough(largest)[0])


def sent(request: gr.Request) -> Any:
    """The picture another page sent here, if the address names one that is still there."""
    picture = tray.take(request.query_params.get("photo", ""))
    return gr.skip() if picture is None else picture


def usable_styles(styles: list | None, mix: bool, uploaded: gr.EventData) -> tuple[Any, Any, str]:
    """Style pictures just uploaded, the last of `styles`: those that open stay, the others are named. Unless styles are
    mixed they take the place of what was there; several at once are a mix."""
    styles = styles or []
    count = min(len(uploaded._data), len(styles)) if isinstance(uploaded._data, list) else len(styles)
    before, new, refused = styles[: len(styles) - count], [], []
    for path, _ in styles[len(styles) - count :][:MOST_STYLES]:
        try:
            new.append((_showable(path) or path, None))
        except UserError as error:
            refused.append(str(error))
    usable = [*before, *new] if mix or not new else new
    if len(styles) > MOST_STYLES:
        refused.append(f"There are {len(styles)} style pictures; up to {MOST_STYLES} can be mixed, the first are kept.")
    usable = usable[:MOST_STYLES]
    # What is as it should be is left alone: it may have been changed on the page meanwhile.
    turned_on = True if len(usable) > 1 and not mix else gr.skip()
    return (gr.skip() if usable == styles else usable), turned_on, view.notice(*refused)


def mixed(styles: list | None, mix: bool) -> Any:
    """Where styles are no longer mixed, the one chosen last stays."""
    return gr.skip() if mix or not styles else styles[-1:]


def preset(name: str) -> tuple[Any, ...]:
    """The settings of a preset, into their widgets."""
    return tuple(STYLE_PRESETS[name].values())


def no_preset() -> None:
    """Moved by hand, the settings are those of no preset any more."""


def picked(chosen: gr.SelectData) -> str:
    return str(view.examples("photo")[chosen.index][0])


def picked_style(styles: list | None, mix: bool, chosen: gr.SelectData) -> list:
    path = str(view.examples("painting")[chosen.index][0])
    return [*(styles or []), (path, None)] if mix else [(path, None)]


def restored(path: str | None) -> list[Any]:
    """The settings a painting was made with, back into the widgets."""
    nothing = [gr.skip()] * (len(SETTINGS) + 2)
    if path is None:
        return ["", *nothing]
    try:
        recipe = images.read_recipe(path)
        if recipe is None:
            raise UserError("This picture carries no recipe; drop a PNG that was downloaded here.")
        request = StyleRequest.from_recipe(recipe)
        policy.require_allowed(request)
    except UserError as error:
        return [view.notice(str(error)), *nothing]
    shares = ", ".join(f"{share:g}" for share in request.style_shares)
    said = view.notice("The settings of that painting are back.")
    return [said, None, shares, *(getattr(request, name) for name in SETTINGS)]


async def forecast(photo: str | None, **settings: Any) -> str:
    """What this painting will take here, told before it starts. The first time, this machine is measured."""
    if photo is None:
        return ""
    try:
        wanted = StyleRequest(**settings)
        policy.require_allowed(wanted)
        engine = dispatch.engine_of(wanted)
        first = engine.ready(wanted)
        if first and first.job and jobs.idle():
            job = jobs.submit(first.job)
            async with contextlib.aclosing(followed(job)) as ticks:
                async for _ in ticks:
                    pass
            first = engine.ready(wanted)
        if first:
            return view.forecast(first.words)
        picture = await asyncio.to_thread(images.open_picture, photo, max_pixels=GLANCE)  # for its shape
        takes = engine.estimate(wanted, picture.size)
    except UserError as error:
        return view.forecast(str(error))
    return view.forecast(
        f"About {amounts.duration(takes.seconds)} and {amounts.gigabytes(takes.memory)} of memory on this machine. "
        f"{takes.note}"
    )
