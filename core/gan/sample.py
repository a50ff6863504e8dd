"""The sampling engine: points of the latent space in, pictures out.

Every picture depends on its generator, its point (`core.gan.points`) and the truncation alone. Networks are always
run on blocks of the same size, the last one filled up, because a processor may add in another order when there are
more pictures: so the same recipe gives the same picture, bit for bit, alone or among four hundred. Knows no pages,
and not where generators come from (`core.gan.zoo.load`).
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn

from core import device as devices
from core.errors import UserError
from core.gan.pictures import to_pictures
from core.gan.points import classes as classes_of
from core.gan.points import of_class, of_seed
from core.gan.request import SampleRequest
from core.gan.zoo import class_names
from core.gan.zoo.cost import BLOCK
from core.gan.zoo.load import Loaded, open_generator
from core.settings import Progress, Result


def sample(request: SampleRequest, stopped: Callable[[], bool] = lambda: False) -> Iterator[Progress | Result]:
    """Yields `Progress` after every block, then a `Result` with the pictures (L, RGB or RGBA) in the order of the
    recipe's `points`. With `sort`, the discriminator's favourites come first and the recipe has its `opinions`, the
    probability it gives each of being real (one that was trained to compare only knows which is more so). The recipe
    names the weights, and it is noted when the request names others. Stopped, the pictures so far; `UserError` when
    there are none."""
    began = time.perf_counter()
    loaded = open_generator(request.generator, request.averaged)
    if request.sort and loaded.discriminator is None:
        raise UserError(f"{loaded.title} has no discriminator to ask, so its pictures cannot be sorted.")
    points = request.points or of_seed(request.seed, request.count)
    if request.label and not all("#" in point for point in points):  # else each says its own, by number
        names = class_names.called(request.generator, loaded.network.classes)
        points = of_class(points, class_names.number(request.label, names))
    latents = loaded.network.latents_of(points, request.truncation)
    pictures: list[Image.Image] = []
    logits: list[float] = []
    for start in range(0, len(points), BLOCK):
        if stopped():
            break
        block = latents[start : start + BLOCK]
        images = _made(loaded, block)
        pictures += to_pictures(images[: len(block)])
        if request.sort and loaded.discriminator is not None:
            logits += _logits(loaded, images, points[start : start + BLOCK])
        yield Progress(len(pictures), len(points), note=loaded.title)
    if not pictures:
        raise UserError("Stopped before the first picture.")
    order = list(range(len(pictures)))
    more: dict[str, Any] = {}
    if request.sort:
        order.sort(key=lambda i: -logits[i])  # they differ still where probabilities are all rounded to 1
        more["opinions"] = [round(p, 4) for p in torch.tensor([logits[i] for i in order]).sigmoid().tolist()]
    note = loaded.said
    if request.weights not in ("", loaded.weights):
        note = f"{loaded.title} has other weights now than when this was made, so the pictures differ. {note}".strip()
    recipe = request.recipe(**{**more, "points": [points[i] for i in order], "weights": loaded.weights})
    yield Result(tuple(pictures[i] for i in order), recipe, time.perf_counter() - began, note)


@torch.inference_mode()
def _made(loaded: Loaded, block: Tensor) -> Tensor:
    """Latents [n <= BLOCK, ...] -> images [BLOCK, C, H, W] on the device; those behind the n-th mean nothing."""
    device = devices.pick()
    filled = torch.zeros(BLOCK, *block.shape[1:])
    filled[: len(block)] = block
    # float32, as these networks are small: bfloat16 would be seen in the colours.
    return _ready(loaded, device)(filled.to(device)).float()


@torch.inference_mode()
def _logits(loaded: Loaded, images: Tensor, names: Sequence[str]) -> list[float]:
    """What the discriminator says of the pictures of these points; of its class, where there are any."""
    assert loaded.discriminator is not None
    judge, of = loaded.discriminator.to(images.device), len(loaded.network.classes)
    if not of:
        return judge(images.contiguous())[: len(names)].tolist()
    shares = torch.zeros(len(images), of)
    shares[: len(names)] = torch.from_numpy(classes_of(names, of))
    return judge(images.contiguous(), shares.to(images.device))[: len(names)].tolist()


@functools.lru_cache(4)
def _ready(loaded: Loaded, device: torch.device) -> nn.Module:
    form = loaded.network.sampling_form()
    return form.requires_grad_(False).eval().to(device, memory_format=torch.channels_last)  # pyrefly: ignore[no-matching-overload]  # unknown to torch's stubs
