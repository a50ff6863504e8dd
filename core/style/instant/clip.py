"""A clip painted: every frame in the very same way, so that what stands still in it stands still when it is painted.

What an instant painting finds of its photo as a whole (how its features have to move to be the style's, how strong the
decoder's channels are, what its colours become) is found once, of some frames of the clip together, and holds for all.
So a part of a frame depends on what is around it and on nothing else, and where only that has changed,
`core.style.instant.still` holds it. The painter sees in steps of `GRID` px, and the same thing looks otherwise to it
some pixels on: where the camera moves, those steps and the noise move with what is shown. Frames come and go one by
one. Knows no UI, no queue, and nothing of files but their names.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from core import device as devices
from core.errors import UserError
from core.pictures import clips, images
from core.settings import Progress, Result
from core.style import inputs
from core.style.instant import engine
from core.style.instant.camera import Camera, Shift
from core.style.instant.decoder import MULTIPLE
from core.style.instant.paint import NOISE, decoder_on, go_on, mixed_look, painted, reach_of, views_of
from core.style.instant.still import Still
from core.style.networks import network
from core.style.optimise.schedule import SHORTEST, Scale
from core.style.pixels import PREVIEW_EVERY, to_picture, to_tensor
from core.style.request import ClipRequest, shares_of
from core.visitors import policy

GRID = 2 * MULTIPLE  # px: of the features, at half of the size
PARTS = 4  # of a pixel, to which the camera's way is made up for
REACH = 4  # px of Lanczos' kernel


class Kept:
    """What is found of the first pictures that are painted, in that order, and after `again` told of all others."""

    def __init__(self) -> None:
        self._found: list[Any] = []
        self._told: Iterator[Any] | None = None

    def __call__(self, find: Callable[[], Any]) -> Any:
        if self._told is None:
            self._found.append(find())
            return self._found[-1]
        return next(self._told)

    def again(self) -> None:
        self._told = iter(self._found)


def paint(
    request: ClipRequest,
    source: str | os.PathLike,
    styles: Sequence[Image.Image],
    target: Path,
    stopped: Callable[[], bool] = lambda: False,
    name: str = "",
) -> Iterator[Progress | Result]:
    """Paint the clip at `source` into `target`, of the kind its name ends in; yields `Progress` with every frame,
    pictured now and then, at last a `Result` with the last one.

    When `stopped()` turns true, or the clip is damaged, what was painted until then is the clip, and the note says so.
    Raises `UserError`. `name`: what to call the source.
    """
    began = time.perf_counter()
    shares, styles = shares_of(request, styles), [inputs.of_style(style) for style in styles]
    called = name or Path(source).name
    with clips.repainted(source, called, request.size, target, policy.limits().clip_frames) as clip:
        width, height = clip.size
        stage = Scale(width, height, max(SHORTEST, round(max(clip.size) * request.stroke_size)), 1)
        engine.estimate_of(stage, together=len(clip.samples))
        device = devices.pick()
        net, decoder, kept = network(engine.NETWORK, device), decoder_on(device), Kept()
        wanted = [mixed_look(styles, shares, view, net) for view in views_of(stage)]
        generator = torch.Generator().manual_seed(request.seed)
        noise = NOISE * torch.randn(1, 3, stage.height, stage.width, generator=generator).to(device)

        def in_style(seen: Tensor, place: Shift = (0.0, 0.0)) -> Tensor:
            (y, down), (x, right) = map(_parted, place)
            seen = _moved(seen, -down, -right)
            on_grid, below = (_on_grid(each, y, x) for each in (seen, noise.roll((y, x), (2, 3))))
            with devices.threads_to_spare():
                made = painted(net, decoder, on_grid, below, wanted, reach_of(request), request.strength, kept)
            return _moved(made[:, :, -y % GRID :, -x % GRID :][:, :, :height, :width], down, right)

        go_on(stopped)
        seen = torch.cat([to_tensor(picture, clip.size, device) for picture in clip.samples])
        samples = [to_picture(one[None]) for one in in_style(seen)]
        light = images.light_of(images.grid(samples, gap=0), images.grid(clip.samples, gap=0))
        finished, painting, since, previewed = None, 0, time.perf_counter(), 0.0
        camera, still = Camera(), Still()
        for picture in clip.pictures(images.grid(samples, gap=0)):
            if stopped():
                clip.end()
                break
            kept.again()
            seen, place = to_tensor(picture, clip.size, device), camera.see(picture)
            shown = still(seen, in_style(seen, place), [*map(_parted, place)])
            made = images.with_alpha_of(to_picture(shown), picture)
            finished = images.finish(made, picture, keep_colour=request.keep_colour, light=light)
            clip.put(finished)
            painting += 1
            preview, now = None, time.perf_counter()
            if now - previewed > PREVIEW_EVERY:
                preview, previewed = finished, now
            yield Progress(painting, clip.frames, preview=preview, note=f"Frame {painting} of {clip.frames}",
                           seconds_left=(now - since) / painting * (clip.frames - painting))  # fmt: skip
        if finished is None:  # it was stopped at once
            raise UserError("Stopped before there was a painting.")
    recipe = request.recipe(
        painted_with=f"{net.label}, instant",
        network_digest=net.digest,
        decoder_digest=decoder.digest,
        frames=painting,
        styles=[images.digest(style) for style in styles],
    )
    yield Result((finished,), recipe, time.perf_counter() - began, clip.note)


def _on_grid(pictures: Tensor, y: int, x: int) -> Tensor:
    """[N, 3, H, W] mirrored beyond its sides, until what was at 0, 0 and has moved by so many px lies on the grid."""
    top, left = -y % GRID, -x % GRID
    bottom, right = (-(side + before) % GRID for side, before in zip(pictures.shape[2:], (top, left), strict=True))
    return F.pad(pictures, (left, right, top, bottom), mode="reflect")


def _parted(by: float) -> tuple[int, float]:
    """Whole pixels, and the part of one that is left."""
    return (whole := round(by)), round(PARTS * (by - whole)) / PARTS


def _moved(pictures: Tensor, down: float, right: float) -> Tensor:
    """[N, 3, H, W] moved by parts of a pixel (Lanczos)."""
    for side, part in ((2, down), (3, right)):
        if part:
            at = torch.arange(-REACH, REACH + 1, device=pictures.device) + part
            kernel = torch.sinc(at) * torch.sinc(at / (REACH + 1))
            shape = [1, 1, 1, 1]
            shape[side] = len(at)
            weight = (kernel / kernel.sum()).view(shape).repeat(pictures.shape[1], 1, 1, 1)
            beside = (0, 0, REACH, REACH) if side == 2 else (REACH, REACH, 0, 0)
            pictures = F.conv2d(F.pad(pictures, beside, mode="reflect"), weight, groups=pictures.shape[1])
    return pictures
