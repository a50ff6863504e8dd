"""A clip painted: every frame in the very same way, so that what stands still in it stands still when it is painted.

What an instant painting finds of its photo as a whole (how its features have to move to be the style's, how strong the
decoder's channels are, what its colours become) is found once, of some frames of the clip together, and holds for all.
So a frame's part depends on what is around it there and on nothing else. Frames come and go one by one. Knows no UI, no
queue, and nothing of files but their names.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from core import device as devices
from core.errors import UserError
from core.pictures import clips, images
from core.settings import Progress, Result
from core.style import inputs
from core.style.instant import engine
from core.style.instant.paint import NOISE, decoder_on, go_on, mixed_look, painted, views_of
from core.style.networks import network
from core.style.optimise.schedule import SHORTEST, Scale
from core.style.pixels import to_picture, to_tensor
from core.style.request import ClipRequest, shares_of
from core.visitors import policy


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
    """Paint the clip at `source` into `target`, of the kind its name ends in; yields `Progress` with every frame, at
    last a `Result` with the last frame.

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

        def in_style(pictures: Sequence[Image.Image]) -> list[Image.Image]:
            seen = torch.cat([to_tensor(picture, clip.size, device) for picture in pictures])
            with devices.threads_to_spare():
                made = painted(net, decoder, seen, noise, wanted, request.strength, kept)
            return [to_picture(one[None]) for one in made]

        go_on(stopped)
        samples = in_style(clip.samples)
        light = images.light_of(images.grid(samples, gap=0), images.grid(clip.samples, gap=0))
        finished, painting, since = None, 0, time.perf_counter()
        for picture in clip.pictures(images.grid(samples, gap=0)):
            if stopped():
                clip.end()
                break
            kept.again()
            (made,) = in_style([picture])
            made = images.with_alpha_of(made, picture)
            finished = images.finish(made, picture, keep_colour=request.keep_colour, light=light)
            clip.put(finished)
            painting += 1
            left = (time.perf_counter() - since) / painting * (clip.frames - painting)
            yield Progress(painting, clip.frames, preview=finished, seconds_left=left,
                           note=f"Frame {painting} of {clip.frames}")  # fmt: skip
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
