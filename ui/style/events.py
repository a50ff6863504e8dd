"""What the style app's widgets do: handlers of Gradio's events. Which widget calls which, `style_app.py` knows."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import time
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image

from core import amounts, jobs
from core.errors import UserError
from core.pictures import film, images
from core.settings import Request
from core.style import dispatch
from core.style.request import STYLE_PRESETS, StyleRequest, enough
from core.visitors import paintings, policy, tray
from core.visitors.paintings import Painting
from ui.server import visitor
from ui.style import looks, view
from ui.style.painting import (
    AFTERWARDS,
    HOW,
    MOST_STYLES,
    SETTINGS,
    Shown,
    error_text,
    followed,
    how,
    outcome,
    painting_of,
    preset_of,
    sent,
    shows_something,
    small,
    submit,
    theirs,
    told,
    weights_text,
    words,
)

THUMBNAIL = 160  # px of the longer side
GLANCE = 65_536  # pixels of a picture that is only looked at
FIRST_LOOK = "A first look. Press Paint for the finished painting."
CLIPS = "A clip goes into “A clip in place of the photo”."
MOVES = "This one moves, and one frame of it is the photo. To paint all of it, open “A clip in place of the photo”."
SHOWABLE = {".jpg", ".jpeg", ".png", ".webp", ".gif"}  # by browsers; anything else is turned into PNG


# ---------------------------------------------------------------- what the page's widgets do
#
# Handlers of a painting all fill the same widgets, in the order of `Easel`'s fields.


@dataclasses.dataclass
class Easel(Shown):
    """What the right-hand side shows."""

    go: Any = None
    stop: Any = None
    status: Any = None
    preview: Any = None
    compare: Any = None
    curves: Any = None
    adjust: Any = None
    finished: Any = None
    png: Any = None
    timelapse: Any = None
    strip: Any = None


async def start(request: gr.Request, **asked: Any):
    """Paint what `asked` describes (see `submit`), and show how it goes; from the first look on, where there is one."""
    looked_at = looks.end(request)
    try:
        painting = await asyncio.to_thread(submit, request, **asked)
    except UserError as error:
        yield tuple(Easel(status=view.refused(str(error))))
        return
    before = painting_of(request)
    paintings.keep(painting)
    strip = await asyncio.to_thread(_strip, request)
    begun = await asyncio.to_thread(_begun, painting)
    if looked_at == looks.pictures_of(asked):  # it stays in sight until there is something better
        begun.preview = begun.compare = None
    yield tuple(dataclasses.replace(begun, curves="", strip=strip))
    async for news in _news(request, painting, before):
        yield news


async def follow(request: gr.Request, number: float | None):
    """How the painting goes that this page found at work."""
    yield tuple(Easel())  # of no answer at all Gradio would make an empty easel
    painting = painting_of(request)
    if painting and painting.number == number:
        async for news in _news(request, painting):
            yield news


async def _news(request: gr.Request, painting: Painting, before: Painting | None = None):
    """All that happens to a painting until it is finished, as long as the page shows it. Where nothing comes of it, the
    one that the page showed `before` has its place back."""
    job, drawn = painting.job, False
    async with contextlib.aclosing(told(request, painting)) as news:
        async for preview in news:
            now = Easel(status=view.status(*words(job)), curves=view.curves(job.curve, job.sizes))
            if preview:
                now.compare = None if drawn else gr.update(visible=False)
                now.preview = gr.update(visible=True, value=small(preview))
                drawn = True
            yield tuple(now)
    if painting_of(request) is not painting:  # the visitor has left, or thrown it away with its folder for files
        return
    now = await asyncio.to_thread(_over, painting, looks.moved_on(request, painting))
    every = paintings.theirs(visitor.of_request(request).name, Painting)
    if job.error and before in every and shows_something(before.job):
        now = dataclasses.replace(await asyncio.to_thread(_over, before), status=now.status)
        if painting_of(request) is not painting:  # another was chosen meanwhile
            return
        paintings.show(before, request.session_hash or "")
    now.strip = await asyncio.to_thread(_strip, request)
    yield tuple(now)


def _begun(painting: Painting) -> Easel:
    """What shows a painting that is not finished."""
    return Easel(
        go=gr.update(visible=False),
        stop=gr.update(visible=True),
        preview=gr.update(visible=True, value=small(painting.job.preview or images.on_white(painting.photo))),
        compare=gr.update(visible=False),
        curves=view.curves(painting.job.curve, painting.job.sizes),
        adjust=gr.update(visible=False),
        finished=gr.update(visible=False),
        timelapse=gr.update(visible=False),
    )


def _over(painting: Painting, more: str = "") -> Easel:
    """What shows a painting that is finished, stopped, or failed; `more` is said of it."""
    job, now = painting.job, Easel(go=gr.update(visible=True), stop=gr.update(visible=False))
    if job.error:
        now.status = (view.status if job.cancelled else view.refused)(error_text(job.error))
        if job.cancelled:
            now.curves = view.curves(job.curve, job.sizes)
        return now
    after, before = _files(painting)
    now.status = _of_finished(painting, more)
    now.preview = gr.update(visible=False)
    now.compare = gr.update(visible=True, value=(before, after))
    now.curves = view.curves(job.curve, job.sizes)
    now.adjust = now.finished = gr.update(visible=True)
    now.png = gr.update(value=after)
    return now


def _of_finished(painting: Painting, more: str) -> str:
    result = painting.job.result
    took = "" if painting.job.cancelled or not result else f"Painted in {amounts.duration(result.seconds)}."
    painter = f"Painted with {result.recipe['painted_with']}." if result and "painted_with" in result.recipe else ""
    return view.status(" ".join(filter(None, [took, result.note if result else "Stopped.", painter, more])))


def _files(painting: Painting) -> tuple[str, str]:
    """The painting as a PNG with its recipe, as it was shown last, and the photo at the same size."""
    after, before = painting.file("painting.png"), painting.file("photo.jpg")
    with painting.lock:
        finished, easel, recipe = outcome(painting)
        now = {name: painting.asked[name] for name in AFTERWARDS}
        if painting.written != (version := (*now.values(), painting.job.result is None)):
            if any(recipe[name] != value for name, value in now.items()):
                finished = images.finish(easel, painting.photo, **now)
                recipe.update(now)
            images.write_png(finished, after, recipe)
            images.on_white(painting.photo).resize(finished.size).save(before, quality=92)
            painting.written = version
    return after, before


async def first_look(request: gr.Request, *, covering: bool = True, **asked: Any) -> tuple[Any, ...]:
    """What a page shows as soon as photo and style are there, and whenever they change; `covering` as `looks.first` has
    it."""
    try:
        seen = await looks.first(request, covering=covering, **asked)
    except UserError as error:
        return tuple(Easel(status=view.status(str(error))))
    if seen is None:
        return tuple(Easel())
    photo, result = seen
    painted = result.images[0]
    before = images.on_white(photo).resize(painted.size, Image.Resampling.LANCZOS)
    return tuple(
        Easel(
            status=view.status(" ".join(filter(None, [FIRST_LOOK, result.note]))),
            preview=gr.update(visible=False),
            compare=gr.update(visible=True, value=(before, painted)),
            curves="",
            adjust=gr.update(visible=True),
            finished=gr.update(visible=False),
            timelapse=gr.update(visible=False),
        )
    )


async def look_again(request: gr.Request, **asked: Any) -> tuple[Any, ...]:
    """A setting has changed: the page's first look follows. A finished painting stays, and says of which settings."""
    painting = painting_of(request)
    if painting is None or not shows_something(painting.job):
        return await first_look(request, covering=False, **asked)
    try:
        looks.wants(request, asked)
        more = looks.moved_on(request, painting)
    except UserError as error:
        more = str(error)
    return tuple(Easel(status=await asyncio.to_thread(_of_finished, painting, more)))


async def look_anew(request: gr.Request, **asked: Any) -> tuple[Any, ...]:
    """A painting is over: if nothing came of it, there is a first look again. What went wrong is still told."""
    painting = painting_of(request)
    if painting is None or not painting.job.error:
        return tuple(Easel())
    return tuple(dataclasses.replace(Easel(*await first_look(request, **asked)), status=None))


async def look_at_sent(request: gr.Request, **asked: Any) -> tuple[Any, ...]:
    """The page is opened with a photo or a style that another page sent, and was not painted yet."""
    return await first_look(request, **asked) if tray.take(sent(request)) else tuple(Easel())


def afterwards(request: gr.Request, **asked: Any) -> Any:
    """Strength or colours are set of the finished painting, without painting again; -> when, for it to be shown then.

    Each is told by itself, as a page that is opened has one before the other. And it is shown by another question: of
    two that are set at once the answer to the first might come last.
    """
    painting = painting_of(request)
    if painting is None or not shows_something(painting.job):
        return gr.skip()
    try:
        now = {name: SETTINGS[name].convert(value) for name, value in asked.items()}
    except UserError as error:
        raise gr.Error(str(error), print_exception=False) from None
    with painting.lock:
        if all(painting.asked[name] == value for name, value in now.items()):  # it was brought to the page with it
            return gr.skip()
        painting.asked = {**painting.asked, **now}
    return time.time()


def as_set(request: gr.Request) -> tuple[Any, Any]:
    """The finished painting, of the strength and colours that were set last."""
    painting = painting_of(request)
    if painting is None or not shows_something(painting.job):
        return gr.skip(), gr.skip()
    after, before = _files(painting)
    return gr.update(value=(before, after)), gr.update(value=after)


def stop(request: gr.Request) -> Any:
    painting = painting_of(request)
    if painting is None:
        return gr.skip()
    painting.job.cancel()
    return gr.skip() if painting.job.finished else view.status(*words(painting.job))


def timelapse(request: gr.Request):
    """The way to the painting as an animation, offered once there is one."""
    painting = painting_of(request)
    return gr.skip() if painting is None else _film(painting)


def _film(painting: Painting) -> Any:
    path = painting.file("time-lapse.webp")
    with painting.lock:
        if not Path(path).exists():
            if not painting.job.finished or len(painting.job.frames) < 2:
                return gr.update(visible=False)
            images.animation(painting.job.frames, path)
            painting.job.frames = []  # which take more memory than all the rest
    return gr.update(value=path, visible=True)


# ---------------------------------------------------------------- a visitor's last paintings


def found(request: gr.Request) -> tuple[Any, ...]:
    """The page is opened: what another page sent here, or the visitor's newest painting with what went in; one of which
    nothing came only where there is no other. Once what was sent is being painted, its painting. Nothing, where
    somebody was quicker."""
    there = sorted(theirs(request, Painting), key=lambda one: one.job.error is not None)
    brought = _with_what_went_in(request, there[0]) if there else _brought_from_elsewhere(request)
    if not looks.in_time(request, ("photo", "styles") if there or sent(request) else ()):
        return _only_the_strip(request)
    if there:
        paintings.show(there[0], request.session_hash or "")
    _keep(request, brought[0])
    return brought


def _keep(request: gr.Request, photo: Any) -> None:
    if isinstance(photo, str):  # else it is a painting's own, and goes with it
        looks.keep(request, photo)


def _brought_from_elsewhere(request: gr.Request) -> tuple[Any, ...]:
    name = sent(request)
    photo, styles, easel = gr.skip(), gr.skip(), Easel(strip=_strip(request))
    if (picture := tray.take(name)) and "style" in request.query_params:
        styles = [(picture, None)]
    elif picture:
        photo = picture
    if example := view.example(name.partition(".")[0]):  # behind the dot: which press it was
        photo, painting, painted = map(str, example)
        styles, easel.compare = [(painting, None)], gr.update(value=(photo, painted))
    return photo, styles, *([gr.skip()] * (len(HOW) - 1)), *easel, gr.skip()


def chosen(request: gr.Request, which: gr.EventData) -> tuple[Any, ...]:
    """One of the visitor's last paintings, with what went in."""
    caption = _said(which, "value", "caption")
    for painting in paintings.theirs(visitor.of_request(request).name, Painting):
        if _title(painting) == caption:
            looks.end(request)
            paintings.show(painting, request.session_hash or "")
            brought = _with_what_went_in(request, painting)
            _keep(request, brought[0])
            return brought
    return _only_the_strip(request, view.status("That painting is no longer there."))


def _only_the_strip(request: gr.Request, status: str | None = None) -> tuple[Any, ...]:
    return gr.skip(), *([gr.skip()] * len(HOW)), *Easel(status=status, strip=_strip(request)), gr.skip()


def throw_away(request: gr.Request) -> tuple[Any, ...]:
    """The painting that is shown goes, and nothing is kept of it."""
    painting = painting_of(request)
    if painting:
        paintings.throw_away(painting)
    return tuple(
        Easel(
            status=view.status("Thrown away."),
            compare=gr.update(visible=False),
            curves="",
            adjust=gr.update(visible=False),
            finished=gr.update(visible=False),
            timelapse=gr.update(visible=False),
            strip=_strip(request),
        )
    )


def _with_what_went_in(request: gr.Request, painting: Painting) -> tuple[Any, ...]:
    """What went in, the easel, and the painting's number where it has to be followed."""
    asked, over = painting.asked, painting.job.error is not None or shows_something(painting.job)
    if over:
        easel = _over(painting)
        easel.timelapse = None if painting.job.error else _film(painting)
    else:
        easel = _begun(painting)
    easel.strip = _strip(request)
    photo = asked["photo"] if Path(asked["photo"]).exists() else painting.photo
    return photo, *how(asked), *easel, None if over else painting.number


def _strip(request: gr.Request) -> Any:
    """The visitor's last paintings, small."""
    there = [one for one in paintings.theirs(visitor.of_request(request).name, Painting) if not one.job.error]
    return gr.update(visible=bool(there), value=[(_thumbnail(one), _title(one)) for one in there])


def _thumbnail(painting: Painting) -> Any:
    result, preview = painting.job.result, painting.job.preview
    picture = result.images[0] if result else preview or painting.photo
    return picture.resize(images.fit_size(*picture.size, THUMBNAIL), reducing_gap=2)


def _title(painting: Painting) -> str:
    return f"Painting {painting.number}"


# ---------------------------------------------------------------- pictures and settings


def opened(request: gr.Request, path: str | None) -> tuple[Any, str]:
    """A photo just uploaded: left as it is where browsers show such files, made showable else; or refused in words, and
    the one before is back."""
    covered, outdated = looks.given(request, "photo")
    if path is None:
        return None, ""
    try:
        picture, refused = _showable(path), ""
    except UserError as error:
        picture, refused = None, view.notice(f"{error} {CLIPS}" if film.moves(path) else str(error))
    if outdated():  # an example was picked while it was opened
        return gr.skip(), gr.skip()
    if refused:
        before = looks.kept(request)
        return before and (_showable(before) or before), refused
    looks.keep(request, path)
    said = view.notice(MOVES) if film.moves(path) else ""
    return picture or (path if covered else gr.skip()), said


def cleared(request: gr.Request) -> Any:
    """There is no photo any more, and no first look is spoken of."""
    looks.keep(request, None)
    return "" if looks.end(request) else gr.skip()


def no_styles(request: gr.Request, styles: list | None) -> Any:
    return "" if not styles and looks.end(request) else gr.skip()


def _showable(path: str) -> Any:
    """None for a picture that browsers show, and that can be opened; others as large as a painting can need them."""
    if Path(path).suffix.lower() in SHOWABLE:
        images.open_picture(path, max_pixels=GLANCE)
        return None
    largest = StyleRequest(size=policy.settings_of(StyleRequest)["size"].hi)
    return images.open_picture(path, max_pixels=enough(largest)[0])


def usable_styles(request: gr.Request, styles: list | None, mix: bool, uploaded: gr.EventData) -> tuple[Any, Any, str]:
    """Style pictures just uploaded, the last of `styles`: those that open stay, the others are named. Unless styles are
    mixed they take the place of what was there; several at once are a mix. An upload that others have followed leaves
    all this to the last of them."""
    covered, outdated = looks.given(request, "styles")
    styles = styles or []
    several = mix or not isinstance(uploaded._data, list)
    count = len(styles) if several else min(len(uploaded._data), len(styles))
    before, new, refused = styles[: len(styles) - count], [], []
    for path, _ in styles[len(before) :][:MOST_STYLES]:
        try:
            new.append((_showable(path) or path, None))
        except UserError as error:
            refused.append(str(error))
    if outdated():
        return gr.skip(), gr.skip(), gr.skip()
    usable = (new or before)[:MOST_STYLES]
    if len(styles) > MOST_STYLES:
        refused.append(f"There are {len(styles)} style pictures; up to {MOST_STYLES} can be mixed, the first are kept.")
    # What is as it should be is left alone: it may have been changed on the page meanwhile.
    turned_on = True if len(usable) > 1 and not mix else gr.skip()
    return (gr.skip() if usable == styles and not covered else usable), turned_on, view.notice(*refused)


def removed(request: gr.Request) -> None:
    """A style picture was taken away; which ones are left a page tells with its next question."""
    looks.given(request, "styles")


def mixed(styles: list | None, mix: bool) -> tuple[Any, Any]:
    """Where styles are no longer mixed, the one chosen last stays, and counts alone."""
    return (gr.skip(), gr.skip()) if mix else (styles[-1:] if styles else gr.skip(), "")


def preset(name: str | None) -> tuple[Any, ...]:
    """The settings of a preset, into their widgets."""
    if name is None:
        return gr.skip(), gr.skip()
    return tuple(STYLE_PRESETS[name].values())


def no_preset() -> None:
    """Moved by hand, the settings are those of no preset any more."""


def picked(request: gr.Request, chosen: gr.EventData) -> tuple[str, str]:
    looks.given(request, "photo")
    photo = _example("photo", chosen)
    looks.keep(request, photo)
    return photo, ""


def _example(kind: str, chosen: gr.EventData) -> str:
    shelf, number = view.examples(kind), _said(chosen, "index")
    if type(number) is not int or not 0 <= number < len(shelf):
        raise gr.Error(f"There are {len(shelf)} examples; pick one of them.", print_exception=False)
    return str(shelf[number][0])


def _said(event: gr.EventData, *names: str) -> Any:
    """What a page says of an event, by the names that lead there; None where that makes no sense. (Gradio's own kinds
    of events take it to be as they expect.)"""
    said = event._data
    for name in names:
        said = said.get(name) if isinstance(said, dict) else None
    return said


def picked_style(request: gr.Request, styles: list | None, mix: bool, chosen: gr.EventData) -> tuple[list, str]:
    looks.given(request, "styles")
    path = _example("painting", chosen)
    return ([*(styles or []), (path, None)] if mix else [(path, None)]), ""


def restored(path: str | None, styles: list | None) -> list[Any]:
    """The settings a painting was made with, back into the widgets; weights only for as many style pictures."""
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
    said, shares = "The settings of that painting are back.", weights_text(request)
    if len(request.style_shares) not in (0, len(styles or ())):
        said, shares = f"{said} Its style weights, {shares}, were for {len(request.style_shares)} style pictures.", ""
    values = {name: getattr(request, name) for name in SETTINGS}
    return [view.notice(said), preset_of(values), shares, *values.values()]


async def _measured(asking: Request) -> None:
    """Until this machine is measured, for this page or for another that asked just before; not behind a painting."""
    others = jobs.same(asking)
    if others:
        ticks = followed(others, lambda: None)
    elif jobs.idle():
        ticks = followed(jobs.submit(asking))
    else:
        return
    async with contextlib.aclosing(ticks):
        async for _ in ticks:
            pass


async def forecast(photo: str | None, **settings: Any) -> str:
    """What this painting will take here, told before it starts. The first time, this machine is measured."""
    await looks.warm()  # first, or it would disturb what is measured
    if photo is None:
        return ""
    try:
        asking = StyleRequest(**settings)
        policy.require_allowed(asking)
        engine = dispatch.engine_of(asking)
        first = engine.ready(asking)
        if first and first.job:
            await _measured(first.job)
            first = engine.ready(asking)
        if first:
            return view.forecast(first.words)
        picture = await asyncio.to_thread(images.open_picture, photo, max_pixels=GLANCE)  # for its shape
        takes = engine.estimate(asking, picture.size)
    except UserError as error:
        return view.forecast(str(error))
    seconds = amounts.between(takes.seconds, takes.seconds_at_most)
    memory = amounts.gigabytes(takes.memory)
    return view.forecast(f"About {seconds} and {memory} of memory on this machine. {takes.note}")
