"""The painting engine: a request and pictures in, a stream of progress and one painting out.

Coarse to fine: at each scale targets are taken from the photo and the styles, and the picture is made to descend.
Knows no UI, no files, no queue. `paint` is the only way to a painting; pages, API and command line all call it.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from core import device as devices
from core.errors import UserError
from core.pictures import images
from core.settings import Progress, Result
from core.style import choice
from core.style.networks import ensure_downloaded, network
from core.style.optimise import budget
from core.style.optimise.descent import descend
from core.style.optimise.measure import measure
from core.style.optimise.objective import Objective, Weights
from core.style.optimise.schedule import Scale, scales
from core.style.request import MeasureRequest, StyleRequest

PREVIEW_EVERY = 0.5  # seconds


def paint(
    request: StyleRequest,
    photo: Image.Image,
    styles: Sequence[Image.Image],
    stopped: Callable[[], bool] = lambda: False,
) -> Iterator[Progress | Result]:
    """Paint `photo` in the style of `styles`; yields `Progress` with a preview now and then, at last a `Result`.

    The result holds the painting (`request.strength` and `keep_colour` applied) and, second, the painting as it came
    off the easel, so that both can be set anew with `images.finish`. When `stopped()` turns true the picture so far
    is finished and returned. The same request, pictures and machine give the same pixels. Raises `UserError`.
    """
    began = time.perf_counter()
    shares = shares_of(request, styles)
    name = choice.choose(request.network)
    yield from ensure_downloaded(name, stopped)
    if budget.recall(name) is None:
        yield from (event for event in measure(MeasureRequest(name), stopped) if isinstance(event, Progress))
    measured = budget.recall(name)
    expected = budget.estimate_that_fits(request, photo.size, measured).seconds
    device = devices.pick()
    devices.hold_memory()
    net = network(name, device)
    noise = torch.Generator().manual_seed(request.seed)

    stages = scales(request, photo.size)
    total = sum(stage.steps for stage in stages)
    done, cost_done, previewed, cut_at = 0, 0.0, 0.0, None
    notes: list[str] = []
    image: Tensor | None = None
    started = time.perf_counter()
    for stage in stages:
        cost = measured.step(stage)
        target = to_tensor(photo, (stage.width, stage.height), device)
        pictures = [to_tensor(style, stage.of_style(*style.size), device) for style in styles]
        objective = Objective(net, target, pictures, shares, Weights.of(request))
        image = _start(request, target, noise) if image is None else _enlarged(image, stage)
        at_stage = 0
        for step in descend(image, objective, request.optimiser, request.rate, stage.steps):
            image = step.image
            if step.note and step.note not in notes:
                notes.append(step.note)
            at_stage = min(at_stage + 1, stage.steps)
            now = time.perf_counter()
            preview = None
            if now - previewed > PREVIEW_EVERY:
                preview, previewed = to_picture(image), now
            yield Progress(
                step=done + at_stage,
                total=total,
                losses={"total": sum(step.parts.values()), **step.parts} if step.parts else {},
                preview=preview,
                seconds_left=_left(now - started, cost_done + at_stage * cost, expected),
                note=step.note,
            )
            if stopped():
                cut_at = done + at_stage
                break
        if cut_at is not None:
            notes.append(f"Stopped after {cut_at} of {total} steps.")
            break
        done += stage.steps
        cost_done += stage.steps * cost

    easel = images.with_alpha_of(to_picture(image), photo)
    finished = images.finish(easel, photo, strength=request.strength, keep_colour=request.keep_colour)
    # The network is named: "auto" would find another one once VGG-19 has been downloaded.
    recipe = dataclasses.replace(request, network=name).recipe(
        painted_with=net.label,
        network_digest=net.digest,
        photo=images.digest(photo),
        styles=[images.digest(s) for s in styles],
        **({} if cut_at is None else {"stopped_at": cut_at}),
    )
    yield Result((finished, easel), recipe, time.perf_counter() - began, " ".join(notes))


def to_tensor(picture: Image.Image, size: tuple[int, int], device: torch.device) -> Tensor:
    """A picture of any kind at `size` (width, height), on white -> float32 [1, 3, H, W] in [0, 1]."""
    resized = images.on_white(picture).resize(size, Image.Resampling.LANCZOS)
    pixels = torch.from_numpy(np.array(resized))
    return pixels.permute(2, 0, 1)[None].to(device).float() / 255


def to_picture(image: Tensor) -> Image.Image:
    """[1, 3, H, W] in [0, 1] -> an RGB picture."""
    pixels = (image[0].clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0)
    return Image.fromarray(pixels.cpu().numpy())


def shares_of(request: StyleRequest, styles: Sequence[Image.Image]) -> list[float]:
    """How much each style counts; they sum to 1. Raises `UserError`."""
    if not styles:
        raise UserError("No style picture was given; add at least one picture whose style you like.")
    shares = request.style_shares or (1.0,) * len(styles)
    if len(shares) != len(styles):
        raise UserError(f"There are {len(styles)} style pictures but {len(shares)} weights; give one for each.")
    return [share / sum(shares) for share in shares]


def _left(elapsed: float, cost: float, expected: float) -> float:
    """Seconds still to go, `cost` being the seconds the steps so far were expected to take of all that `expected`.

    What was measured before counts at first; the longer this painting runs, the more its own pace does.
    """
    trust = min(1.0, elapsed / 5)
    pace = trust * elapsed / cost + (1 - trust)
    return max(0.0, (expected - cost) * pace)


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
