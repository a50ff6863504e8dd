"""Clips on the style page and in the API: painted by the instant engine, with the page's styles and settings.

A clip lives as long as its page: it is followed while it is painted, and what came of it is handed out. Knows Gradio's
requests; nothing of how clips are read or painted.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import gradio as gr

from core import amounts, jobs
from core.errors import UserError
from core.pictures import film, images
from core.style.request import ClipRequest, enough
from core.visitors import policy
from ui.server import visitor
from ui.style import painting, view

_at_work: dict[tuple[str, str], jobs.Job] = {}  # by visitor and tab


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


def _made(job: jobs.Job, target: Path) -> tuple[str, str]:
    """The painted clip, and what there is to say of it; raises a `UserError` where there is none."""
    if job.error or job.result is None:
        raise UserError(painting.error_text(job.error) if job.error else "Stopped before it began.")
    took = f"Painted in {amounts.duration(job.result.seconds)}."
    return str(target), " ".join(filter(None, [took, job.result.note]))


# ---------------------------------------------------------------- on the page


async def start(
    request: gr.Request, clip: str | None, styles: list | None, style_weights: str, **settings: Any
) -> AsyncIterator[tuple[Any, ...]]:
    """Paint a clip and show how it goes: what it says, Paint, Stop, the picture or the film, and the file."""
    nothing = [gr.skip()] * 5
    key = visitor.of_request(request).name, request.session_hash or ""
    if (before := _at_work.get(key)) and not before.finished:
        yield view.refused("A clip is being painted on this page; wait for it, or stop it."), *nothing
        return
    with tempfile.TemporaryDirectory(prefix="ganvas-") as folder:  # Gradio copies the file before it goes on here
        try:
            settings["size"] = min(painting.SETTINGS["size"].convert(settings["size"]),
                                   policy.settings_of(ClipRequest)["size"].hi)  # fmt: skip
            job, target = await asyncio.to_thread(_submitted, clip, styles, style_weights, settings, folder)
        except UserError as error:
            yield view.refused(str(error)), *nothing
            return
        _at_work[key] = job
        try:
            shown = None
            hide, show = gr.update(visible=False), gr.update(visible=True)
            yield view.status(*painting.words(job)), hide, show, hide, hide, hide
            async with contextlib.aclosing(painting.followed(job, whole=True)) as ticks:
                async for _ in ticks:
                    frame = gr.skip()
                    if job.preview is not shown:
                        shown = job.preview
                        frame = gr.update(visible=True, value=painting.small(shown))
                    yield view.status(*painting.words(job)), gr.skip(), gr.skip(), frame, gr.skip(), gr.skip()
            try:
                path, said = _made(job, target)
            except UserError as error:
                told = (view.status if job.cancelled else view.refused)(str(error))
                yield told, show, hide, hide, hide, hide
                return
            # One each: Gradio writes into an update what it makes of its value.
            there, file = (gr.update(visible=True, value=path) for _ in range(2))
            moves, plays = (hide, there) if target.suffix == film.VIDEO else (there, hide)
            yield view.status(said), show, hide, moves, plays, file
        finally:
            if _at_work.get(key) is job:
                del _at_work[key]


def stop(request: gr.Request) -> Any:
    job = _at_work.get((visitor.of_request(request).name, request.session_hash or ""))
    if job is None:
        return gr.skip()
    job.cancel()
    return view.status("Stopping.")


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
            path, said = _made(job, target)
        except UserError as error:
            raise gr.Error(str(error), print_exception=False) from None
        yield path, {"state": "done", "recipe": dict(job.result.recipe), "note": said}
