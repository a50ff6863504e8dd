"""Open pages before anybody has pressed Paint: first looks, and pictures that are given while the last painting is
still on its way to the page.

A page asks whenever its pictures or settings have changed, so only its newest question counts, and what is painted or
has been painted is never covered: a first look makes place for a painting, and for none of other pictures. What was
found for a page covers nothing that its visitor has given it. Knows Gradio's requests, not the page's widgets.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import gradio as gr
from PIL import Image

from core import jobs
from core.errors import UserError
from core.settings import Result
from core.style import dispatch
from core.style.request import InstantRequest, StyleRequest
from core.visitors import policy
from core.visitors.paintings import Painting
from ui.server import visitor
from ui.style import painting, view

SOON = 0.02  # seconds between glances at whether it is there


@dataclass(eq=False)
class _Page:
    """An open page: how many looks it has asked for, the job of the newest, of which pictures and settings it wanted
    one, of which pictures one is shown, and all that counted for that; the newest gift of each kind of pictures, and
    which kinds might be covered by what was found for it; the photo that it shows."""

    asked: int = 0
    job: jobs.Job | None = None
    wanted: Any = None
    asking: StyleRequest | None = None
    shown: Any = None
    looked: int | None = None
    photo: str | None = field(default_factory=lambda: view.first("photo"))
    given: dict[str, object] = field(default_factory=dict)
    coverable: set[str] = field(default_factory=set)


_pages: OrderedDict[tuple[str, str], _Page] = OrderedDict()  # by visitor and tab


def _page(request: gr.Request) -> _Page:
    key = visitor.of_request(request).name, request.session_hash or ""
    page = _pages[key] = _pages.pop(key, None) or _Page()
    while len(_pages) > policy.limits().pages:
        _pages.popitem(last=False)
    return page


def in_time(request: gr.Request, pictures: Iterable[str]) -> bool:
    """Whether what was found for a page, such `pictures` in it, may go there: not once the page was given some.
    If it may, it is kept in mind that it is on its way."""
    page = _page(request)
    page.coverable = set() if page.given else {*pictures}
    return not page.given


def given(request: gr.Request, kind: str) -> tuple[bool, Callable[[], bool]]:
    """A page is given a photo, or styles. -> Whether the page has to be told them: what was found for it may have been
    on its way still, and have come after them; and what says whether the page was given others since."""
    page = _page(request)
    mine = page.given[kind] = object()
    told = kind in page.coverable
    page.coverable.discard(kind)
    return told, lambda: page.given[kind] is not mine


def leave(request: gr.Request) -> None:
    """A page was closed."""
    _pages.pop((visitor.of_request(request).name, request.session_hash or ""), None)
    painting.leave(request)


def keep(request: gr.Request, photo: str | None) -> None:
    """A page shows this photo, a good one or None, whatever is tried after it."""
    _page(request).photo = photo


def kept(request: gr.Request) -> str | None:
    return _page(request).photo


MOVED_ON = "You have changed the pictures since; press Paint to paint the new ones."
CHANGED = "You have changed the settings since; press Paint to paint with the new ones."


def moved_on(request: gr.Request, there: Painting) -> str:
    """What a page has changed since it asked for this painting, in words: pictures, settings or nothing."""
    page, job = _page(request), there.job
    if page.wanted is not None and page.wanted != pictures_of(there.asked):
        return MOVED_ON
    if page.asking is None:
        return ""
    same = replace(page.asking, **{name: getattr(job.request, name) for name in painting.AFTERWARDS})
    return "" if same == job.request else CHANGED


def end(request: gr.Request) -> Any:
    """Nothing that was asked for counts any more; -> the pictures of which one is shown, if there is one."""
    page = _page(request)
    page.asked += 1
    if page.job:
        page.job.cancel()
    shown, page.shown, page.wanted, page.asking, page.looked = page.shown, None, None, None, None
    return shown


def pictures_of(asked: Any) -> Any:
    """What is painted in which style, to be compared."""
    return asked["photo"], [path for path, _ in asked["styles"] or ()]


def wants(request: gr.Request, asked: Any) -> None:
    """A page would be painted like this now. A `UserError` where nothing could be."""
    page = _page(request)
    page.wanted, page.asking = pictures_of(asked), None
    settings = {name: asked[name] for name in painting.SETTINGS}
    page.asking = painting.wanted(StyleRequest, asked["styles"], asked["style_weights"], settings)


async def first(request: gr.Request, *, covering: bool = True, **asked: Any) -> tuple[Any, Result] | None:
    """The photo and what a first look at its painting gives; None where there is nothing new, or no place for it.

    `covering`: it may take the place of a finished painting of other pictures. `asked` as in `painting.submit`. Raises
    `UserError` where it is not to be had now.
    """
    page = _page(request)
    with contextlib.suppress(UserError):  # told below, where there is place for it
        wants(request, asked)
    if not (asked["photo"] and asked["styles"]) or _covered(request, asked, covering):
        return None
    counts = [page.wanted, asked["style_weights"], *(asked[name] for name in InstantRequest.counting)]
    looked = hash(repr(counts))  # strangers write it, at any length
    if looked == page.looked:
        return None
    end(request)
    mine = page.asked
    try:
        photo, job = await asyncio.to_thread(_submitted, asked, lambda: page.asked != mine)
        if job is None:
            return None
        page.job = job
        await _over(job, lambda: page.asked != mine)
    except UserError:
        if page.asked != mine:
            return None
        raise
    if page.asked != mine or _covered(request, asked, covering):
        return None
    if job.error:
        raise UserError(painting.error_text(job.error))
    if shown := painting.painting_of(request):  # of other pictures: it is found among the last ones
        painting.left(request, shown)
    page.shown, page.looked = pictures_of(asked), looked
    return photo, job.result


_warm = False


async def warm() -> None:
    """What the first one needs, and takes seconds, is there before anybody asks: torch, and the networks."""
    global _warm
    small = InstantRequest(size=64)
    if _warm or dispatch.engine_of(small).ready(small):
        return
    _warm = True
    picture = Image.new("RGB", (64, 64))
    with contextlib.suppress(UserError):  # the line is long: then somebody else's look is the first
        job = jobs.submit(small, picture, [picture])
        while not job.finished:
            await asyncio.sleep(SOON)


def _covered(request: gr.Request, asked: Any, covering: bool) -> bool:
    """Whether the page shows a painting that stays: one at work, or of just these pictures, or any."""
    there = painting.painting_of(request)
    if there is None or there.job.error:
        return False
    return not covering or not there.job.finished or pictures_of(there.asked) == pictures_of(asked)


def _submitted(asked: Any, stale: Callable[[], bool]) -> tuple[Any, jobs.Job | None]:
    size = min(painting.SETTINGS["size"].convert(asked["size"]), policy.limits().look_size)
    settings = {name: asked[name] for name in InstantRequest.counting} | {"size": size}
    wanted = painting.wanted(InstantRequest, asked["styles"], asked["style_weights"], settings)
    if dispatch.engine_of(wanted).ready(wanted):
        return None, None
    photo, styles = painting.opened(wanted, asked["photo"], asked["styles"])
    return photo, None if stale() else jobs.submit(wanted, photo, styles)


async def _over(job: jobs.Job, stale: Callable[[], bool]) -> None:
    """Returns when the job is finished; gives up on one that has waited too long, or that nobody looks at any more."""
    until = time.monotonic() + policy.limits().look_wait
    while not job.finished and not stale():
        if time.monotonic() > until:
            job.cancel()
            raise UserError("Many first looks are being painted here. Press Paint for the finished painting.")
        await asyncio.sleep(SOON)
