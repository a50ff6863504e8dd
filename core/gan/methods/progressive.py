"""Progressive growing (Karras et al. 2018, arXiv:1710.10196): pictures are 4x4 at first and grow while both networks
learn, each new scale faded in.

How far they have grown is a buffer, `grown`: 1.25 is scale 1, and a quarter of scale 2. Pictures have their full size
all the while, those that have not grown yet enlarged; so whoever looks at them need not know.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, cast

import torch
from torch import Tensor, nn

from core.gan import scales
from core.gan.classes import told
from core.gan.conditional import opinion
from core.gan.methods.method import GeneratorNetwork, Method, Network
from core.gan.phases import two_phases
from core.gan.request import TrainRequest

if TYPE_CHECKING:
    from core.gan.train import Training


class _Growing(Network):
    """A network of which only as much is at work as has grown."""

    grown: Tensor
    last: int  # the last scale

    def stage(self) -> tuple[int, float]:
        """The scale that is reached, and the share of the next one. Where there are only shapes (`core.gan.zoo.cost`)
        and no numbers, all of it is at work."""
        if self.grown.is_meta:
            return self.last, 0.0
        scale = min(max(self.grown.nan_to_num().item(), 0.0), float(self.last))  # it may come from anybody's file
        return int(scale), scale % 1


class Generator(_Growing, GeneratorNetwork):
    """Latents [N, latent + classes] -> images."""

    def __init__(
        self, *, method: Literal["progressive"] = "progressive", size: int, channels: int, latent: int, width: int,
        classes: Sequence[str] = (),
    ):  # fmt: skip
        super().__init__()
        common = {"method": method, "size": size, "channels": channels}
        self.config = {**common, "latent": latent, "width": width, **told(classes)}
        widths = scales.widths(size, width)
        self.last = len(widths) - 1
        self.beginning = scales.beginning(latent + len(classes), widths[0])
        self.doubled = nn.ModuleList(scales.doubled(before, after) for before, after in pairwise(widths))
        self.picture = nn.ModuleList(scales.picture(width, channels) for width in widths)
        self.register_buffer("grown", torch.zeros(()))

    def forward(self, latents: Tensor) -> Tensor:
        scale, share = self.stage()
        features = self.beginning(latents)
        for double in self.doubled[:scale]:
            features = double(features)
        pixels = self.picture[scale](features)
        if share:
            new = self.picture[scale + 1](self.doubled[scale](features))
            pixels = torch.lerp(scales.enlarged(pixels, new.shape[-1]), new, share)
        return scales.enlarged(pixels, self.config["size"])


class Discriminator(_Growing):
    """Images, of their full size, and shares of classes [N, classes], -> logits: the mirror image of the generator."""

    def __init__(
        self, *, method: Literal["progressive"] = "progressive", size: int, channels: int, width: int,
        classes: Sequence[str] = (),
    ):  # fmt: skip
        super().__init__()
        self.config = {"method": method, "size": size, "channels": channels, "width": width, **told(classes)}
        widths = scales.widths(size, width)
        self.last = len(widths) - 1
        self.seen = nn.ModuleList(scales.seen(channels, width, 1) for width in widths)
        self.halved = nn.ModuleList(scales.halved(after, after, before) for before, after in pairwise(widths))
        self.ending = scales.ending(widths[0], widths[0])
        self.projection = scales.projection(len(classes), widths[0])
        self.register_buffer("grown", torch.zeros(()))

    def shown(self, images: Tensor) -> Tensor:
        """Real pictures go over from one scale to the next as those of the generator do."""
        scale, share = self.stage()
        if not share:
            return images
        new = scales.shrunk(images, 8 << scale)
        old = scales.enlarged(scales.shrunk(new, 4 << scale), 8 << scale)
        return scales.enlarged(torch.lerp(old, new, share), self.config["size"])

    def forward(self, images: Tensor, shares: Tensor | None = None) -> Tensor:
        scale, share = self.stage()
        features = self.seen[scale](scales.shrunk(images, 4 << scale))
        if share:
            new = self.halved[scale](self.seen[scale + 1](scales.shrunk(images, 8 << scale)))
            features = torch.lerp(features, new, share)
        for halve in reversed(self.halved[:scale]):
            features = halve(features)
        return opinion(self.ending, features, self.projection, shares)


def grown(request: TrainRequest, step: int) -> float:
    """How far pictures have grown at a step: scales are faded in and left to settle for equally long in turn, as in the
    paper, the first one settling first; from `grown_at` on the last one has the rest of the time."""
    last = scales.count(request.size) - 1
    if step >= request.grown_at:
        return float(last)
    turn, share = divmod(step / request.grown_at * 2 * last, 1)
    return turn // 2 + (share if turn % 2 else 0.0)


def growing(training: Training) -> Iterator[dict[str, Tensor]]:
    at = grown(training.request, training.steps)
    for network in (training.g, training.d, training.ema):
        cast(_Growing, network).grown.fill_(at)
    yield from two_phases(training)


def effort(request: TrainRequest, step: int) -> float:
    """Each scale takes about as long as the one before."""
    return 1 + math.ceil(grown(request, step))


METHOD = Method(
    Generator, Discriminator, scales.initialise, "a progressively grown GAN (Karras et al. 2018)", scales.configs,
    growing, effort,
)  # fmt: skip
