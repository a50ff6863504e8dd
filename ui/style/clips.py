"""Clips on the style page and in the API: painted by the instant engine, with the page's styles and settings.

A clip is found again as paintings are (`core.visitors.paintings`), at work or finished, beside whatever painting a page
shows. Knows Gradio's requests; nothing of how clips are read or painted.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import gradio as gr

from core import amounts, jobs
from core.errors import UserError
from core.pictures import film, images
from core.style.request import ClipRequest, enough
from core.visitors import paintings, policy
from core.visitors.paintings import Clip, Painting
from ui.style import looks, painting, view
from ui.style.painting import HOW, Shown


def _submitted(clip: str | None, styles: list | None, style_weights: str, settings: Any, folder: str) -> tuple:
    """The job, and where what it paints will lie."""
    if not clip:
        raise UserError("There is no clip yet; drop a GIF, a WebP, an APNG or a short video.")
    asking = painting.wanted(ClipRequest, styles, style_weights, settings)
    painting.require_some(styles)
    target = Path(folder) / f"clip{film.ending_of(clip)}"
    jobs.require_room(asking)  # before anything is decoded
    opened = [images.open_picture(path, max_pixels=enough(asking)[1]) for path, _ in styles]
    return jobs.submit(asking, clip, opened, target), target


def _said(job: jobs.Job) -> str:
    """What there is to say of a painted clip; raises a `UserError` where there is none."""
    if job.error or job.result is None:
        raise UserError(painting.error_text(job.error) if job.error else "Stopped before it began.")
    took = "" if job.cancelled and job.result.note else f"Painted in {amounts.duration(job.result.seconds)}."
    return " ".join(filter(None, [took, job.result.note]))


# ---------------------------------------------------------------- on the page


@dataclasses.dataclass
class Reel(Shown):
    """What stands below a clip."""

    status: Any = None
    go: Any = None
    stop: Any = None
    moves: Any = None
    plays: Any = None
    finished: Any = None
    file: Any = None


async def start(
    request: gr.Request, clip: str | None, styles: list | None, style_weights: str, **settings: Any
) -> AsyncIterator[tuple[Any, ...]]:
    """Paint a clip and show how it goes. `settings`: all of the page, of which some count."""
    try:
        made = await asyncio.to_thread(_asked, request, clip, styles, style_weights, settings)
    except UserError as error:
        yield tuple(Reel(status=view.refused(str(error))))
        return
    paintings.keep(made)
    yield tuple(_begun(made))
    async for news in _news(request, made):
        yield news


def _asked(request: gr.Request, clip: str | None, styles: list | None, style_weights: str, settings: Any) -> Clip:
    page = painting.wanted(painting.StyleRequest, styles, style_weights, settings)
    counting = {name: getattr(page, name) for name in ClipRequest.counting}
    counting["size"] = min(page.size, policy.settings_of(ClipRequest)["size"].hi)
    folder = tempfile.TemporaryDirectory(prefix="ganvas-")
    try:
        job, target = _submitted(clip, styles, style_weights, counting, folder.name)
    except BaseException:
        folder.cleanup()
        raise
    asked = {"clip": clip, **painting.how_asked(page, styles, settings)}
    made = Clip(job, request.session_hash or "", asked, painting.sent(request), painted=target)
    made.folder = folder
    return made


async def follow(request: gr.Request, number: float | None) -> AsyncIterator[tuple[Any, ...]]:
    """How the clip goes that this page found at work."""
    yield tuple(Reel())  # of no answer at all Gradio would make an empty one
    clip = painting.shown_on(request, Clip)
    if clip and clip.number == number:
        async for news in _news(request, clip):
            yield news


async def _news(request: gr.Request, clip: Clip) -> AsyncIterator[tuple[Any, ...]]:
    """All that happens to a clip until it is finished, as long as the page shows it."""
    async with contextlib.aclosing(painting.told(request, clip, whole=True)) as news:
        async for frame in news:
            now = Reel(status=view.status(*painting.words(clip.job)))
            if frame:
                now.moves = gr.update(visible=True, value=painting.small(frame))
            yield tuple(now)
    if painting.shown_on(request, Clip) is not clip:
        return
    now, before = _over(clip), _last(request)
    if clip.job.error and before and before.job.result:  # it has its place back
        paintings.show(before, request.session_hash or "")
        now = dataclasses.replace(_over(before), status=now.status)
    yield tuple(now)


def _begun(clip: Clip) -> Reel:
    """What shows a clip that is not finished."""
    hide, job = gr.update(visible=False), clip.job
    frame = gr.update(visible=True, value=painting.small(job.preview)) if job.preview else hide
    return Reel(view.status(*painting.words(job)), hide, gr.update(visible=True), frame, hide, hide)


def _over(clip: Clip) -> Reel:
    """What shows a clip that is finished, stopped, or failed."""
    hide, show, job = gr.update(visible=False), gr.update(visible=True), clip.job
    try:
        said = _said(job)
    except UserError as error:
        return Reel((view.status if job.cancelled else view.refused)(str(error)), show, hide, hide, hide, hide)
    path = str(clip.painted)
    there = gr.update(visible=True, value=path)
    moves, plays = (hide, there) if clip.painted.suffix == film.VIDEO else (there, hide)
    return Reel(view.status(said), show, hide, moves, plays, show, gr.update(value=path))


def _last(request: gr.Request) -> Clip | None:
    """The visitor's newest clip, painted or at work."""
    return next((clip for clip in painting.theirs(request, Clip) if not clip.job.error), None)


def found(request: gr.Request) -> tuple[Any, ...]:
    """The page is opened: the visitor's newest clip is in its place, which is unfolded; with what went in, unless the
    page shows a painting with what went into that."""
    clip = _last(request)
    how = [gr.skip()] * len(HOW)
    if clip is None:
        return gr.skip(), gr.skip(), *how, *Reel(), gr.skip()
    paintings.show(clip, request.session_hash or "")
    if not painting.theirs(request, Painting) and looks.in_time(request, ["styles"]):
        how = painting.how(clip.asked)
    source = clip.asked["clip"]
    reel, number = (_over(clip), None) if clip.job.finished else (_begun(clip), clip.number)
    return source if Path(source).exists() else gr.skip(), gr.update(open=True), *how, *reel, number


def given(request: gr.Request) -> Any:
    """Another clip is there, or none: what was refused before is over. Of a painted one that is shown it is said how it
    went."""
    clip = painting.shown_on(request, Clip)
    if clip and not clip.job.finished:
        return gr.skip()
    return "" if clip is None or clip.job.error else _over(clip).status


def stop(request: gr.Request) -> Any:
    clip = painting.shown_on(request, Clip)
    if clip is None or clip.job.finished:
        return gr.skip()
    clip.job.cancel()
    return view.status("Stopping.")


def throw_away(request: gr.Request) -> tuple[Any, ...]:
    """The clip that is shown goes, and nothing is kept of it."""
    if clip := painting.shown_on(request, Clip):
        paintings.throw_away(clip)
    hide = gr.update(visible=False)
    return tuple(Reel(view.status("Thrown away."), moves=hide, plays=hide, finished=hide))


# ---------------------------------------------------------------- what the API answers


async def clip(
    *, clip: str | None, styles: list | None, style_weights: str, **settings: Any
) -> AsyncIterator[tuple[Any, dict]]:
    """Paint every frame of `clip` in the style of `styles`. Streams progress and ends with (clip, recipe)."""
    with tempfile.TemporaryDirectory(prefix="ganvas-") as folder:
        try:
            job, target = await asyncio.to_thread(_submitted, clip, styles, style_weights, settings, folder)
            async with contextlib.aclosing(painting.followed(job, whole=True)) as ticks:
                async for _ in ticks:
                    yield gr.skip(), painting.news(job)
            said = _said(job)
        except UserError as error:
            raise gr.Error(str(error), print_exception=False) from None
        yield str(target), {"state": "done", "recipe": dict(job.result.recipe), "note": said}
