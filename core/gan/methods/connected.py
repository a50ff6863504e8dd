"""Fully connected networks, where the lesson begins (Goodfellow et al. 2014, arXiv:1406.2661)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from core.gan import folding, initial, spectral_norm
from core.gan.classes import told
from core.gan.conditional import Projection, opinion
from core.gan.methods.method import GeneratorNetwork, Method, Network, widths_and_norms


class Generator(GeneratorNetwork):
    """Latents [N, latent + classes] -> images. At width 64 the layers are those of the lesson."""

    def __init__(
        self, *, method: Literal["connected"] = "connected", size: int, channels: int, latent: int, width: int,
        norm: Literal["batch", "none"] = "batch", classes: Sequence[str] = (),
    ):  # fmt: skip
        super().__init__()
        common = {"method": method, "size": size, "channels": channels}
        self.config = {**common, "latent": latent, "width": width, "norm": norm, **told(classes)}
        widths = [latent + len(classes), 4 * width, 8 * width, 16 * width]
        layers: list[nn.Module] = []
        for before, after in itertools.pairwise(widths):
            layers += _layer(before, after, norm == "batch")
        layers += [nn.Linear(widths[-1], channels * size * size), nn.Unflatten(1, (channels, size, size)), nn.Tanh()]
        self.layers = nn.Sequential(*layers)

    def forward(self, latents: Tensor) -> Tensor:
        return self.layers(latents)

    def sampling_form(self) -> nn.Module:
        return folding.folded(self.layers)


class Discriminator(Network):
    """Images, and shares of classes [N, classes], -> logits.

    `norm` is "batch" (in the second layer), "spectral" (Miyato et al. 2018, in all layers) or "none".
    """

    def __init__(
        self, *, method: Literal["connected"] = "connected", size: int, channels: int, width: int,
        norm: Literal["batch", "spectral", "none"] = "batch", classes: Sequence[str] = (),
    ):  # fmt: skip
        super().__init__()
        common = {"method": method, "size": size, "channels": channels}
        self.config = {**common, "width": width, "norm": norm, **told(classes)}
        layers = [nn.Flatten(), *_layer(channels * size * size, 8 * width, False)]
        layers += [*_layer(8 * width, 4 * width, norm == "batch"), nn.Linear(4 * width, 1), nn.Flatten(0)]
        self.layers = nn.Sequential(*layers)
        self.projection = Projection(nn.Linear(len(classes), 4 * width, False)) if classes else None
        if norm == "spectral":
            spectral_norm.add(self)

    def forward(self, images: Tensor, shares: Tensor | None = None) -> Tensor:
        return opinion(self.layers, images, self.projection, shares)


def _layer(before: int, after: int, normalised: bool) -> list[nn.Module]:
    layers: list[nn.Module] = [nn.Linear(before, after, bias=not normalised)]
    layers += [nn.BatchNorm1d(after)] if normalised else []
    return [*layers, nn.LeakyReLU(0.2, inplace=True)]


def initialise(network: Network, rng: torch.Generator) -> None:
    """He et al. 2015: the 0.02 of DCGAN is too little for wide layers without batch norm."""
    initial.draw(network, rng, lambda weight: math.sqrt(2 / weight[0].numel()))


METHOD = Method(
    Generator, Discriminator, initialise, "a fully connected GAN (Goodfellow et al. 2014)", widths_and_norms
)
