"""The painting engine: a request and pictures in, a stream of progress and one painting out.

Coarse to fine: at each scale targets are taken from the photo and the styles, and the picture is made to descend.
Knows no UI, no files, no queue. `paint` is the only way to a painting; pages, API and command line all call it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import time
from collections.abc import Callable, Generator, Iterator, Sequence

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from core import device as devices
from core.perceptual import FeatureNet
from core.pictures import images
from core.settings import Progress, Result
from core.style import choice
from core.style.networks import ensure_downloaded, network
from core.style.optimise import budget, colours
from core.style.optimise.descent import Step, descend
from core.style.optimise.forecast import Forecast
from core.style.optimise.measure import measure
from core.style.optimise.objective import Objective, Weights
from core.style.optimise.schedule import Scale, scales
from core.style.optimise.threads import Threads
from core.style.pixels import PREVIEW_EVERY, to_picture, to_tensor
from core.style.request import MeasureRequest, StyleRequest, shares_of

HUES = 0.5  # how far they go, at each size again, towards the styles' own: all the way, flat parts get too lively


def paint(
    request: StyleRequest,
    photo: Image.Image,
    styles: Sequence[Image.Image],
    stopped: Callable[[], bool] = lambda: False,
) -> Iterator[Progress | Result]:
    """Paint `photo` in the style of `styles`; yields `Progress` with a preview now and then, at last a `Result`.

    The result holds the painting (`request.strength` and `keep_colour` applied) and, second, the painting as it came
    off the easel, so that both can be set anew with `images.finish`. When `stopped()` turns true the picture so far
    is finished and returned. The same request, pictures, machine and threads give the same pixels; another number of
    threads adds in another order, and what that does to last bits grows into slightly different strokes. The recipe
    tells from which step on how many there were. Raises `UserError`.
    """
    began = time.perf_counter()
    shares = shares_of(request, styles)
    name = choice.choose(request.network)
    measured = yield from _prepared(name, stopped)
    budget.estimate_that_fits(request, photo.size, measured)
    devices.hold_memory()
    net = network(name, devices.pick())

    stages = scales(request, photo.size)
    account = _Account(stages, measured)
    coloured = _colouring(request, styles, shares, stages[-1])
    with _threads() as threads:
        for stage, step in _coarse_to_fine(request, photo, styles, shares, net, stages, measured, threads, coloured):
            yield account.progress(stage, step)
            if stopped():
                account.stop(stage, stages[-1])
                break
    budget.learn(name, account.forecast.paces)

    easel = images.with_alpha_of(to_picture(coloured(step.image)), photo)
    finished = images.finish(easel, photo, strength=request.strength, keep_colour=request.keep_colour)
    # The network is named: "auto" would find another one once VGG-19 has been downloaded.
    recipe = dataclasses.replace(request, network=name).recipe(
        painted_with=net.label,
        network_digest=net.digest,
        photo=images.digest(photo),
        styles=[images.digest(s) for s in styles],
        threads=[list(taken) for taken in threads.history],
        **({} if account.stopped_at is None else {"stopped_at": account.stopped_at}),
    )
    yield Result((finished, easel), recipe, time.perf_counter() - began, " ".join(account.notes))


def _prepared(name: str, stopped: Callable[[], bool]) -> Generator[Progress, None, budget.Measured]:
    """The network fetched and this machine measured with it, where that was never done."""
    yield from ensure_downloaded(name, stopped)
    if budget.recall(name) is None:
        for event in measure(MeasureRequest(name), stopped):
            if isinstance(event, Progress):
                yield event
    return budget.measured(name)


@contextlib.contextmanager
def _threads() -> Iterator[Threads]:
    """A watch over this thread's helpers; as many as there were are left behind."""
    try:
        most = devices.most_threads() if devices.pick().type == "cpu" else 1
        yield Threads(most, torch.set_num_threads, devices.idle_seconds, devices.to_spare())
    finally:
        torch.set_num_threads(devices.most_threads())


def _coarse_to_fine(
    request: StyleRequest,
    photo: Image.Image,
    styles: Sequence[Image.Image],
    shares: Sequence[float],
    net: FeatureNet,
    stages: Sequence[Scale],
    measured: budget.Measured,
    threads: Threads,
    coloured: Callable[[Tensor], Tensor],
) -> Iterator[tuple[Scale, Step]]:
    """All steps of a painting, each with its stage; a stage may end before it has had all its steps."""
    device = devices.pick()
    noise = torch.Generator().manual_seed(request.seed)
    image: Tensor | None = None
    for stage in stages:
        target = to_tensor(photo, (stage.width, stage.height), device)
        pictures = [to_tensor(style, stage.of_style(*style.size), device) for style in styles]
        objective = Objective(net, target, pictures, shares, Weights.of(request, stage.touches))
        image = _start(request, target, noise) if image is None else _enlarged(coloured(image), stage)
        steps = descend(image, objective, request.optimiser, request.rate, stage.steps)
        for step in threads.watched(steps, measured.step(stage)):
            image = step.image
            yield stage, step


class _Account:
    """How far a painting has come, and what is told of it on the way."""

    def __init__(self, stages: Sequence[Scale], measured: budget.Measured):
        self.total = sum(stage.steps for stage in stages)
        self.notes: list[str] = []
        self.stopped_at: int | None = None
        self.forecast = Forecast(stages, measured)
        self._started, self._previewed = time.perf_counter(), 0.0

    def progress(self, stage: Scale, step: Step) -> Progress:
        """The news of one more step."""
        if step.note and step.note not in self.notes:
            self.notes.append(step.note)
        now = time.perf_counter()
        preview = None
        if now - self._previewed > PREVIEW_EVERY:
            preview, self._previewed = to_picture(step.image), now
        self.forecast.stepped(stage, now - self._started)
        least, most = self.forecast.left
        return Progress(
            step=self.forecast.steps,
            total=self.total,
            losses={"total": sum(step.parts.values()), **step.parts} if step.parts else {},
            preview=preview,
            seconds_left=least,
            note=step.note,
            seconds_left_at_most=most,
            share=self.forecast.share,
            size=(stage.width, stage.height),
        )

    def stop(self, stage: Scale, last: Scale) -> None:
        """It ends here, before its time, at this size and not at that of the last stage."""
        self.stopped_at = self.forecast.steps
        small = "" if stage is last else f", while it was small ({stage.width} × {stage.height})"
        self.notes.append(f"Stopped after {self.stopped_at} of {self.total} steps{small}.")


def _colouring(
    request: StyleRequest, styles: Sequence[Image.Image], shares: Sequence[float], last: Scale
) -> Callable[[Tensor], Tensor]:
    """What gives a picture the styles' hues; where they are not asked for, or it is painted faithfully, nothing."""
    amount = HUES * min(1.0, 2 * request.freedom)
    if not (amount and request.style_weight and request.palette_weight):
        return lambda image: image
    pictures = [to_tensor(style, last.of_style(*style.size), torch.device("cpu")) for style in styles]
    return functools.partial(colours.with_hues, wanted=colours.of(pictures, shares), amount=amount)


def _start(request: StyleRequest, photo: Tensor, generator: torch.Generator) -> Tensor:
    """Where to descend from. A trace of noise over the photo lets another seed find other strokes."""
    noise = torch.randn(photo.shape, generator=generator).to(photo.device)
    if request.start == "noise":
        return (0.5 + 0.2 * noise).clamp(0, 1)
    return (photo + 0.03 * noise).clamp(0, 1)


def _enlarged(image: Tensor, stage: Scale) -> Tensor:
    """The painting at the next scale. (Adding the photo's own detail here lowers the loss sooner, and what was a
    painting turns into a tinted photo.)"""
    size = (stage.height, stage.width)
    return F.interpolate(image, size, mode="bicubic", align_corners=False, antialias=True).clamp(0, 1)
