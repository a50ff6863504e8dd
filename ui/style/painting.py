"""One visitor's painting: queued, followed while it is painted, and what came of it; also as the API's functions. Much
of it holds for a clip, too.

Knows Gradio's errors and requests, not the page. Nothing here knows how a painting is made.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import functools
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image

from core import amounts, jobs
from core.errors import UserError
from core.pictures import images
from core.settings import settings_of
from core.style.request import STYLE_PRESETS, InstantRequest, StyleRequest, enough, shares_of
from core.visitors import paintings
from core.visitors.paintings import Painting, W, Work
from ui.generate import sample_api
from ui.server import visitor

SETTINGS = settings_of(StyleRequest)
AFTERWARDS = ("strength", "keep_colour")  # these need no new painting
MOST_STYLES = 8
PREVIEW_SIDE = 720  # px sent while painting; the finished painting is sent whole
WORDS_EVERY = 1.0  # seconds, where there is no new picture
PICTURES_APART = 0.1  # of the time that a page has looked at it
PICTURES_AT_LEAST = 2.0  # seconds
QUIET = 0.25  # seconds between words for each painting that is before one's own
STOPPING = 0.7  # seconds a stopped painting gets to end by itself before its last preview is shown


class Shown:
    """A part of the page as a dataclass: what each of its widgets shows. Where that is None, it keeps what it has."""

    @classmethod
    def names(cls) -> list[str]:
        return [field.name for field in dataclasses.fields(cls)]

    def __iter__(self) -> Iterator[Any]:
        values = (getattr(self, name) for name in self.names())
        return (gr.skip() if value is None else value for value in values)


def shown_on(request: gr.Request, kind: type[W]) -> W | None:
    """What of this kind an open page shows."""
    return paintings.of(visitor.of_request(request).name, request.session_hash or "", kind)


def painting_of(request: gr.Request) -> Painting | None:
    return shown_on(request, Painting)


def theirs(request: gr.Request, kind: type[W]) -> list[W]:
    """What a page may show when it is opened, the newest first: all of its visitor's; but where another page sent
    something here, only what came of that."""
    name = sent(request)
    every = paintings.theirs(visitor.of_request(request).name, kind)
    return [one for one in every if not name or one.sent == name]


HOW = ("styles", "mix", "preset", "style_weights", *SETTINGS)


def how(asked: Mapping[str, Any]) -> tuple[Any, ...]:
    """The styles and settings that were asked for, into the widgets of `HOW`."""
    styles = [one for one in asked["styles"] if Path(one[0]).exists()]
    return styles, len(styles) > 1, preset_of(asked), asked["style_weights"], *(asked[name] for name in SETTINGS)


def preset_of(settings: Mapping[str, Any]) -> str | None:
    """The preset that these are the settings of."""
    return next((name for name, its in STYLE_PRESETS.items() if its.items() <= settings.items()), None)


def leave(request: gr.Request) -> None:
    paintings.leave(visitor.of_request(request).name, request.session_hash or "")


def left(request: gr.Request, work: Work) -> None:
    """A page does not listen any more to how this goes. If it only shows another one, it is not left."""
    if shown_on(request, type(work)) is work:
        paintings.leave(visitor.of_request(request).name, request.session_hash or "", type(work))


# ---------------------------------------------------------------- a job, from widgets and followed


def submit(
    request: gr.Request, *, photo: str | None, styles: list | None, style_weights: str, **settings: Any
) -> Painting:
    """Queue the painting the widgets describe; `settings` are those of `StyleRequest`, by name."""
    asking = wanted(StyleRequest, styles, style_weights, settings)
    opened_photo, opened_styles = opened(asking, photo, styles)
    job = jobs.submit(asking, opened_photo, opened_styles)
    reduced = paintings.reduced(opened_photo, asking.size)
    asked = {"photo": photo, **how_asked(asking, styles, settings)}
    return Painting(job, request.session_hash or "", asked, sent(request), photo=reduced)


def how_asked(asking: StyleRequest, styles: list | None, settings: Collection[str]) -> dict[str, Any]:
    """Styles and settings, kept so that `how` can bring them back to a page."""
    kept = {name: getattr(asking, name) for name in settings}
    return {"styles": [(path, None) for path, _ in styles or ()], "style_weights": weights_text(asking), **kept}


def wanted(
    kind: type[StyleRequest], styles: list | None, style_weights: str, settings: Mapping[str, Any]
) -> StyleRequest:
    """The request that widgets describe; a `UserError` where they describe none."""
    if styles and len(styles) > MOST_STYLES:
        raise UserError(f"There are {len(styles)} style pictures; up to {MOST_STYLES} can be mixed.")
    written = [part for part in (style_weights or "").split(",") if part.strip()]
    if len(written) > MOST_STYLES:  # what is asked is kept with its painting, so it has an end
        raise UserError(f"There are more than {MOST_STYLES} style weights; write one for each picture, like 2, 1.")
    try:
        shares = tuple(map(float, written))
    except ValueError:
        raise UserError(f"Style weights are {style_weights!r}; write a number for each picture, like 2, 1.") from None
    asking = kind(**settings, style_shares=shares)
    if styles:
        shares_of(asking, styles)  # what it refuses is refused before anything is on its way
    return asking


def require_some(styles: list | None) -> None:
    if not styles:
        raise UserError("There is no style picture yet; upload one or pick an example.")


def opened(asking: StyleRequest, photo: str | None, styles: list | None) -> tuple[Image.Image, list[Image.Image]]:
    """The photo and the style pictures, as large as the request can make use of, once there is room for it."""
    if not photo:
        raise UserError("There is no photo yet; upload one or pick an example.")
    require_some(styles)
    of_photo, of_style = enough(asking)
    jobs.require_room(asking)  # before anything is decoded
    there = images.open_picture(photo, max_pixels=of_photo)
    return there, [images.open_picture(path, max_pixels=of_style) for path, _ in styles]


def sent(request: gr.Request) -> str:
    """What another page sent here, as this page's address says: the name of a picture, or of an example."""
    return next(
        (request.query_params[kind] for kind in ("style", "photo", "example") if kind in request.query_params), ""
    )


def weights_text(request: StyleRequest) -> str:
    """The style weights of a request as they are written in their field."""
    return ", ".join(str(share).removesuffix(".0") for share in request.style_shares)


async def followed(
    job: jobs.Job, gone: Callable[[], None] | None = None, *, whole: bool = False
) -> AsyncIterator[None]:
    """Ticks whenever `job` has news and at least every second, holding no thread; ends when it is over.

    Also ends soon after the visitor pressed stop, even when a large step is still on its way, unless it is the `whole`
    that is wanted. If the visitor goes away, `gone` is called, or the job is cancelled.
    """
    seen, quiet, stopping = -1, 0.0, 0.0
    try:
        while not job.finished and stopping < STOPPING:
            if job.version != seen or quiet >= 1:
                seen, quiet = job.version, 0.0
                yield
            await asyncio.sleep(0.1)
            quiet += 0.1
            if job.cancelled and job.preview and not whole:
                stopping += 0.1
    except (GeneratorExit, asyncio.CancelledError):
        (gone or job.cancel)()
        raise


async def told(request: gr.Request, work: Work, *, whole: bool = False) -> AsyncIterator[Image.Image | None]:
    """Goes on whenever a page that shows `work` is to hear how it goes, with a picture of it where there is a new one;
    ends when it is over, or the page shows another.

    For each answer Gradio makes widgets anew, and a browser draws them, on the processor that paints. So words come
    with a picture, or a second after the last, and later for who is far back in the line; and pictures less often the
    longer it takes.
    """
    job, drawn, said, began = work.job, None, None, time.monotonic()
    next_words = next_picture = 0.0
    async with contextlib.aclosing(followed(job, functools.partial(left, request, work), whole=whole)) as ticks:
        async for _ in ticks:
            if shown_on(request, type(work)) is not work:
                return
            now, preview = time.monotonic(), job.preview
            new = preview is not drawn and now >= next_picture
            if not new and (words(job) == said or now < next_words):
                continue
            said, next_words = words(job), now + max(WORDS_EVERY, QUIET * job.position)
            if new:
                drawn, next_picture = preview, now + min(PICTURES_APART * (now - began), PICTURES_AT_LEAST)
            yield preview if new else None


def words(job: jobs.Job) -> tuple[str, float]:
    """What is going on, in words, and how much of it is done."""
    if job.position:
        others = "1 painting" if job.position == 1 else f"{job.position} paintings"
        return f"Waiting: {others} before yours.", 0.0
    if job.latest is None:
        return "Getting ready.", 0.0
    at = job.latest
    share = at.step / at.total if at.share is None else at.share
    if job.cancelled:
        return "Stopping.", share
    parts = [at.note or f"Step {at.step} of {at.total}"]
    if at.seconds_left is not None:
        parts.append(f"about {amounts.between(at.seconds_left, at.seconds_left_at_most)} left")
    return " · ".join(parts), share


def shows_something(job: jobs.Job) -> bool:
    """Whether there is a painting that is not going to change any more."""
    if job.error:
        return False
    return job.finished or (job.cancelled and job.preview is not None)


def outcome(painting: Painting) -> tuple[Any, Any, dict]:
    """The finished picture, the one off the easel, and the recipe; raises for the visitor what went wrong."""
    job, photo = painting.job, painting.photo
    if job.result:
        finished, easel = job.result.images
        return finished, easel, dict(job.result.recipe)
    if job.error:
        raise gr.Error(error_text(job.error), print_exception=False)
    # Stopped, and a large step is still being finished: the last preview is what there is.
    easel = images.with_alpha_of(job.preview, photo)
    finished = images.finish(easel, photo, strength=job.request.strength, keep_colour=job.request.keep_colour)
    return finished, easel, job.request.recipe(stopped_at=job.latest.step)


def error_text(error: Exception) -> str:
    """An error in words: a defect is for the log, not for the visitor."""
    return str(error) if isinstance(error, UserError) else "Something broke while painting; the server's log says what."


def small(picture: Any) -> Any:
    preview = picture.copy()
    preview.thumbnail((PREVIEW_SIDE, PREVIEW_SIDE))
    return preview


# ---------------------------------------------------------------- what the API answers


async def paint(request: gr.Request, **asked: Any) -> AsyncIterator[tuple[Any, dict]]:
    """Paint `photo` in the style of `styles`. Streams (preview, progress) and ends with (painting, recipe)."""
    try:
        painting = await asyncio.to_thread(submit, request, **asked)
    except UserError as error:
        raise gr.Error(str(error), print_exception=False) from None
    job, shown = painting.job, None
    async with contextlib.aclosing(followed(job)) as ticks:
        async for _ in ticks:
            preview, shown = (gr.skip() if job.preview is shown else small(job.preview)), job.preview
            yield preview, news(job)
    finished, _, recipe = outcome(painting)
    async with _written(finished, recipe) as path:
        yield path, {"state": "done", "recipe": recipe}


def news(job: jobs.Job) -> dict[str, Any]:
    """How a job goes, as programs are told."""
    said, share = words(job)
    return {"state": job.state, "position": job.position, "words": said, "share": round(share, 3)}


async def instant(
    *, photo: str | None, styles: list | None, style_weights: str, **settings: Any
) -> AsyncIterator[tuple[str, dict]]:
    """Paint `photo` in the style of `styles` at once, in a second or so. Answers (painting, recipe)."""
    try:
        asking = wanted(InstantRequest, styles, style_weights, settings)
        job = jobs.submit(asking, *await asyncio.to_thread(opened, asking, photo, styles))
    except UserError as error:
        raise gr.Error(str(error), print_exception=False) from None
    async with contextlib.aclosing(followed(job)) as ticks:
        async for _ in ticks:
            pass
    if job.error:
        raise gr.Error(error_text(job.error), print_exception=False)
    async with _written(job.result.images[0], job.result.recipe) as path:
        yield path, {"state": "done", "recipe": dict(job.result.recipe), "note": job.result.note}


@contextlib.asynccontextmanager
async def _written(picture: Image.Image, recipe: Mapping[str, Any]) -> AsyncIterator[str]:
    """Where a painting lies as a PNG, until Gradio has copied it: it goes on behind `yield` only then."""
    with tempfile.TemporaryDirectory(prefix="ganvas-") as folder:
        path = Path(folder) / "painting.png"
        await asyncio.to_thread(images.write_png, picture, path, recipe)
        yield str(path)


@functools.wraps(sample_api.sample)
def sample(*values: Any, **named: Any) -> dict[str, Any]:
    try:
        return sample_api.sample(*values, **named)
    except UserError as error:
        raise gr.Error(str(error), print_exception=False) from None
