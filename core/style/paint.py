"""The painting engine: a request and pictures in, a stream of progress and one painting out.

Coarse to fine: at each scale targets are taken from the photo and the styles, and the picture is made to descend.
Knows no UI, no files, no queue. `paint` is the only way to a painting; pages, API and command line all call it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from core import device as devices
from core import images
from core.errors import UserError
from core.settings import MeasureRequest, Progress, Result, StyleRequest
from core.style import budget, choice
from core.style.descent import descend
from core.style.measure import measure
from core.style.networks import brought, network
from core.style.objective import Objective, Weights
from core.style.schedule import Scale, scales

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
    shares = _shares(request, styles)
    name = choice.choose(request.network)
    yield from brought(name, stopped)
    if budget.known(name) is None:
        yield from (event for event in measure(MeasureRequest(name)) if isinstance(event, Progress))
    budget.check(request, photo.size, budget.known(name))
    device = devices.pick()
    net = network(name, device)
    noise = torch.Generator().manual_seed(request.seed)

    stages = scales(request, photo.size)
    total = sum(stage.steps for stage in stages)
    effort = sum(stage.steps * stage.width * stage.height for stage in stages)
    done_steps, done_effort, previewed = 0, 0, 0.0
    notes: list[str] = []
    image: Tensor | None = None
    for stage in stages:
        target = to_tensor(photo, (stage.width, stage.height), device)
        pictures = [
            to_tensor(s, images.fit_size(*s.size, min(stage.style_size, max(s.size)), minimum=16), device)
            for s in styles
        ]
        objective = Objective(net, target, pictures, shares, Weights.of(request))
        image = _start(request, target, noise) if image is None else _enlarge(image, stage)
        at_stage = 0
        for step in descend(image, objective, request.optimiser, request.rate, stage.steps):
            image = step.image
            if step.note:
                notes.append(step.note)
            at_stage = min(at_stage + 1, stage.steps)
            now = time.perf_counter()
            spent = done_effort + at_stage * stage.width * stage.height
            preview = None
            if now - previewed > PREVIEW_EVERY:
                preview, previewed = to_picture(image), now
            yield Progress(
                step=done_steps + at_stage,
                total=total,
                losses={"total": step.loss, **step.parts},
                preview=preview,
                seconds_left=(now - began) * (effort - spent) / spent,
                note=step.note,
            )
            if stopped():
                notes.append(f"Stopped after {done_steps + at_stage} of {total} steps.")
                break
        done_steps += stage.steps
        done_effort += stage.steps * stage.width * stage.height
        if stopped():
            break

    easel = images.with_alpha_of(to_picture(image), photo)
    finished = images.finish(easel, photo, strength=request.strength, keep_colour=request.keep_colour)
    recipe = request.recipe(
        painted_with=net.label,
        network_digest=net.digest,
        photo=images.digest(photo),
        styles=[images.digest(s) for s in styles],
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


def _shares(request: StyleRequest, styles: Sequence[Image.Image]) -> list[float]:
    if not styles:
        raise UserError("No style picture was given; add at least one picture whose style you like.")
    shares = request.style_shares or (1.0,) * len(styles)
    if len(shares) != len(styles):
        raise UserError(f"There are {len(styles)} style pictures but {len(shares)} weights; give one for each.")
    return [share / sum(shares) for share in shares]


def _start(request: StyleRequest, photo: Tensor, generator: torch.Generator) -> Tensor:
    """Where to descend from. A trace of noise over the photo lets another seed find other strokes."""
    noise = torch.randn(photo.shape, generator=generator).to(photo.device)
    if request.start == "noise":
        return (0.5 + 0.2 * noise).clamp(0, 1)
    return (photo + 0.03 * noise).clamp(0, 1)


def _enlarge(image: Tensor, stage: Scale) -> Tensor:
    larger = F.interpolate(image, (stage.height, stage.width), mode="bicubic", align_corners=False, antialias=True)
    return larger.clamp(0, 1)
