"""The instant engine: a request and pictures in, a painting out at once.

One way through two small networks, with the style's statistics set in between in closed form; of the same form as
`core.style.optimise.paint`, whose request, result and finish it shares. Knows no UI, no files, no queue.
"""

from __future__ import annotations

import dataclasses
import functools
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from core import device as devices
from core.errors import UserError
from core.hub import registry
from core.perceptual import FeatureNet
from core.pictures import images
from core.settings import Progress, Result
from core.style.instant import engine
from core.style.instant.decoder import LAYERS, MARGIN, MULTIPLE, Decoder, encoded, read
from core.style.instant.transfer import COLOUR_SHRINK, SHRINK, Move, moments_of
from core.style.networks import network
from core.style.optimise.objective import PALETTE, Moments
from core.style.optimise.schedule import SHORTEST, Scale, scales
from core.style.pixels import to_picture, to_tensor
from core.style.request import InstantRequest, of_freedom, shares_of

NOISE = 0.01
COARSE_FROM = 128  # px, longer side: below it half of the size has nothing left to show
FINE_PART = 0.7  # of the way to the style at the whole size, where half of the size goes all of it (bench/looks.py)
# So much of it, at freedom 0 and 1; all of it at a half. Features that go further than the style has their forms where
# the photo's were.
FAITHFUL, FREE = 0.4, 1.5
COLOUR_ROUNDS = 6  # what clamping takes away is set again
REMEMBERED = 16  # styles whose moments are kept

Look = Mapping[str, Moments]  # of `LAYERS` and the palette
Keep = Callable[[Callable[[], Any]], Any]  # calls what finds something of pictures, or knows it of others already


def found_anew(find: Callable[[], Any]) -> Any:
    return find()


def paint(
    request: InstantRequest,
    photo: Image.Image,
    styles: Sequence[Image.Image],
    stopped: Callable[[], bool] = lambda: False,
) -> Iterator[Progress | Result]:
    """Paint `photo` in the style of `styles`; yields `Progress` and at last a `Result`.

    The result holds the painting (`request.strength` and `keep_colour` applied) and, second, the painting at full
    strength as it came off the easel, so that both can be set anew with `images.finish`. The same request, pictures and
    machine give the same pixels. Raises `UserError`, also when `stopped()` turns true before there is a painting.
    """
    began = time.perf_counter()
    shares = shares_of(request, styles)
    engine.estimate(request, photo.size)  # or says that it does not fit
    with devices.threads_to_spare():
        device = devices.pick()
        net, decoder = network(engine.NETWORK, device), decoder_on(device)
        stage = scales(request, photo.size)[-1]
        views = views_of(stage)
        total = len(views) + 2
        wanted = []
        for view in views:
            wanted.append(mixed_look(styles, shares, view, net))
            yield Progress(len(wanted), total)
            go_on(stopped)
        target = to_tensor(photo, (stage.width, stage.height), device)
        noise = torch.randn(target.shape, generator=torch.Generator().manual_seed(request.seed)).to(device)
        reach = reach_of(request)
        full = painted(net, decoder, target, NOISE * noise, wanted, reach)
        yield Progress(total - 1, total)
        go_on(stopped)
        part = full
        if request.strength < 1:
            part = painted(net, decoder, target, NOISE * noise, wanted, reach, request.strength)
    strong, easel = (images.with_alpha_of(to_picture(picture), photo) for picture in (part, full))
    finished = images.finish(strong, photo, keep_colour=request.keep_colour)
    recipe = request.recipe(
        painted_with=f"{net.label}, instant",
        network_digest=net.digest,
        decoder_digest=decoder.digest,
        photo=images.digest(photo),
        styles=[images.digest(style) for style in styles],
    )
    yield Result((finished, easel), recipe, time.perf_counter() - began)


def painted(
    net: FeatureNet,
    decoder: Decoder,
    photo: Tensor,
    noise: Tensor,
    wanted: Sequence[Look],
    reach: float = 1.0,
    strength: float = 1.0,
    keep: Keep = found_anew,
) -> Tensor:
    """Photos [N, 3, H, W] with the wanted look -> pictures of the same size in [0, 1].

    `wanted`: as the style looks at half the size and at the whole one, or only at the whole. What is painted at half
    the size has the large forms, and the mean of both is nearer to the style than either. `reach` is how far features
    go, 1 all the way. Below full strength they go a part of it only, colours come before strokes, and what the decoder
    cannot give back of the photo is added: at 0 it is the photo itself. Several photos are taken for one: together they
    get the wanted look. Through `keep` goes all that is found of them as a whole, so that others can be painted in the
    very same way.
    """
    palette, own = wanted[-1][PALETTE], keep(partial(moments_of, photo))
    share = 1 - (1 - strength) ** 2
    mixed = palette if strength == 1 else Moments.mixed([own, palette], [1 - share, share])
    picture = _views(net, decoder, photo + strength * noise, wanted, strength * reach, mixed, keep)
    if strength < 1:
        lost = photo - _views(net, decoder, photo, wanted, 0, own, keep)
        picture = (picture + (1 - share) * lost).clamp(0, 1)
    return picture


@torch.no_grad()
def _views(
    net: FeatureNet,
    decoder: Decoder,
    photo: Tensor,
    wanted: Sequence[Look],
    reach: float,
    palette: Moments,
    keep: Keep,
) -> Tensor:
    """`photo` painted at each size there is a look for, every one the double of the last, and their mean."""
    size = photo.shape[2:]
    pictures = []
    for k, look in enumerate(reversed(wanted)):
        view = photo if k == 0 else F.interpolate(photo, scale_factor=0.5, mode="bilinear", antialias=True)
        seen = encoded(net, filled(view))
        part = reach * (FINE_PART if k == 0 and len(wanted) > 1 else 1.0)
        moved = {}
        for layer in LAYERS:
            moved[layer] = keep(partial(_move, seen[layer], look[layer])).part(part)(seen[layer])
        tuned = keep(partial(_tuned, decoder, moved))
        picture = decoder(moved, tuned).float()[:, :, : view.shape[2], : view.shape[3]]
        picture = coloured(picture, palette, keep)
        if k:
            picture = F.interpolate(picture, size, mode="bicubic", align_corners=False, antialias=True)
        pictures.append(picture)
    return coloured(sum(pictures[1:], pictures[0]) / len(pictures), palette, keep)


def coloured(image: Tensor, palette: Moments, keep: Keep = found_anew) -> Tensor:
    """[N, 3, H, W] with the palette's mean and covariance of colours, in [0, 1]."""
    for _ in range(COLOUR_ROUNDS):
        image = keep(partial(_move, image, palette, COLOUR_SHRINK))(image).clamp(0, 1)
    return image


def _move(features: Tensor, wanted: Moments, shrink: float = SHRINK) -> Move:
    return Move.between(moments_of(features), wanted, shrink)


def _tuned(decoder: Decoder, features: Mapping[str, Tensor]) -> Tensor:
    return decoder.tuning(features).mean(0, keepdim=True)


def reach_of(request: InstantRequest) -> float:
    return of_freedom(request.freedom, FAITHFUL, 1.0, FREE)


def filled(picture: Tensor) -> Tensor:
    """[1, 3, H, W] with its last row and column repeated until the encoder can read it."""
    height, width = (max(MARGIN + MULTIPLE, -(-side // MULTIPLE) * MULTIPLE) for side in picture.shape[2:])
    return F.pad(picture, (0, width - picture.shape[3], 0, height - picture.shape[2]), mode="replicate")


def views_of(stage: Scale) -> list[Scale]:
    """The sizes at which a painting of this one is looked at, the smaller first."""
    return [stage] if max(stage.width, stage.height) < COARSE_FROM else [halved(stage), stage]


def halved(stage: Scale) -> Scale:
    return dataclasses.replace(
        stage, width=stage.width // 2, height=stage.height // 2, style_size=max(SHORTEST, stage.style_size // 2)
    )


def mixed_look(styles: Sequence[Image.Image], shares: Sequence[float], stage: Scale, net: FeatureNet) -> Look:
    """What is taken over of several style pictures, each by its share."""
    looks = [look_of(style, stage, net) for style in styles]
    return {name: Moments.mixed([look[name] for look in looks], shares) for name in looks[0]}


_looks: OrderedDict[tuple, Look] = OrderedDict()


@torch.no_grad()
def look_of(style: Image.Image, stage: Scale, net: FeatureNet) -> Look:
    """What is taken over of a style picture; remembered, for a style is tried on many photos and with many settings."""
    size = stage.of_style(*style.size)
    key = (images.digest(style), size, net.digest, str(net.mean.device))
    look = _looks.get(key)
    if look is None:
        picture = to_tensor(style, size, net.mean.device)
        features = {**encoded(net, filled(picture)), PALETTE: picture}
        look = {name: moments_of(found) for name, found in features.items()}
        _looks[key] = look
        while len(_looks) > REMEMBERED:
            _looks.popitem(last=False)
    return look


@functools.cache
def decoder_on(device: torch.device) -> Decoder:
    return read(registry.bundled(engine.WEIGHTS)).frozen(device, devices.dtype(device))


def go_on(stopped: Callable[[], bool]) -> None:
    """Or not: a `UserError` where it was stopped before there is anything."""
    if stopped():
        raise UserError("Stopped before there was a painting.")
