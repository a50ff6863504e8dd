"""Multi-scale gradients (MSG-GAN: Karnewar & Wang 2020, arXiv:1903.06048): the generator makes a picture at every
scale, the discriminator sees all of them, and what it thinks goes back to every scale at once. Nothing has to grow.

The networks are the paper's MSG-ProGAN. What the discriminator is shown is [N, scales, C, H, W], the smaller pictures
enlarged, each pixel a square: so augmentation varies all of them alike, and penalties measure what changes at a small
scale by the pixels it covers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from core.gan import scales
from core.gan.classes import told
from core.gan.conditional import opinion
from core.gan.methods.method import GeneratorNetwork, Method, Network
from core.gan.minibatch_stddev import MinibatchStddev


class Generator(GeneratorNetwork):
    """Latents [N, latent + classes] -> images, those of the last scale."""

    def __init__(
        self, *, method: Literal["msg"] = "msg", size: int, channels: int, latent: int, width: int,
        classes: Sequence[str] = (),
    ):  # fmt: skip
        super().__init__()
        common = {"method": method, "size": size, "channels": channels}
        self.config = {**common, "latent": latent, "width": width, **told(classes)}
        widths = scales.widths(size, width)
        self.beginning = scales.beginning(latent + len(classes), widths[0])
        self.doubled = nn.ModuleList(map(scales.doubled, widths, widths[1:]))
        self.picture = nn.ModuleList(scales.picture(width, channels) for width in widths)

    def _features(self, latents: Tensor) -> Iterator[Tensor]:
        """Of one scale after the other."""
        features = self.beginning(latents)
        yield features
        for double in self.doubled:
            features = double(features)
            yield features

    def forward(self, latents: Tensor) -> Tensor:
        for features in self._features(latents):
            last = features
        return self.picture[-1](last)

    def shown(self, latents: Tensor) -> Tensor:
        pictures = [picture(f) for picture, f in zip(self.picture, self._features(latents), strict=True)]
        return torch.stack([scales.enlarged(picture, self.config["size"]) for picture in pictures], 1)


class Discriminator(Network):
    """What is shown, or images alone, and shares of classes [N, classes], -> logits. Each picture joins the features of
    its scale as it is."""

    def __init__(
        self, *, method: Literal["msg"] = "msg", size: int, channels: int, width: int, classes: Sequence[str] = ()
    ):
        super().__init__()
        self.config = {"method": method, "size": size, "channels": channels, "width": width, **told(classes)}
        *smaller, largest = widths = scales.widths(size, width)
        self.seen = scales.seen(channels, largest, 1)
        inputs = [width + channels for width in smaller] + [largest]
        self.halved = nn.ModuleList(
            nn.Sequential(MinibatchStddev(), scales.halved(inputs[scale] + 1, widths[scale], widths[scale - 1]))
            for scale in range(1, len(widths))
        )
        self.ending = scales.ending(inputs[0], widths[0])
        self.projection = scales.projection(len(classes), widths[0])

    def shown(self, images: Tensor) -> Tensor:
        size = self.config["size"]
        sides = [4 << scale for scale in range(scales.count(size))]
        return torch.stack([scales.enlarged(scales.shrunk(images, side), size) for side in sides], 1)

    def forward(self, images: Tensor, shares: Tensor | None = None) -> Tensor:
        pyramid = images if images.ndim == 5 else self.shown(images)
        *smaller, largest = [scales.shrunk(picture, 4 << scale) for scale, picture in enumerate(pyramid.unbind(1))]
        features = self.seen(largest)
        for picture, halve in zip(reversed(smaller), reversed(self.halved), strict=True):
            features = torch.cat([halve(features), picture], 1)
        return opinion(self.ending, features, self.projection, shares)


METHOD = Method(
    Generator, Discriminator, scales.initialise, "a GAN with multi-scale gradients (Karnewar & Wang 2020)",
    scales.configs,
)  # fmt: skip
