"""Fully connected networks, where the lesson begins (Goodfellow et al. 2014, arXiv:1406.2661)."""

from __future__ import annotations

import itertools
import math
from typing import Literal

import torch
from torch import Tensor, nn

from core.gan import folding, initial, spectral_norm
from core.gan.methods.method import GeneratorNetwork, Method, Network, widths_and_norms


class Generator(GeneratorNetwork):
    """Latents [N, latent] -> images. At width 64 the layers are those of the lesson."""

    def __init__(
        self, *, method: Literal["connected"] = "connected", size: int, channels: int, latent: int, width: int,
        norm: Literal["batch", "none"] = "batch",
    ):  # fmt: skip
        super().__init__()
        common = {"method": method, "size": size, "channels": channels}
        self.config = {**common, "latent": latent, "width": width, "norm": norm}
        widths = [latent, 4 * width, 8 * width, 16 * width]
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
    """Images -> logits. `norm` is "batch" (in the second layer), "spectral" (Miyato et al. 2018, in all layers) or
    "none"."""

    def __init__(
        self, *, method: Literal["connected"] = "connected", size: int, channels: int, width: int,
        norm: Literal["batch", "spectral", "none"] = "batch",
    ):  # fmt: skip
        super().__init__()
        self.config = {"method": method, "size": size, "channels": channels, "width": width, "norm": norm}
        layers = [nn.Flatten(), *_layer(channels * size * size, 8 * width, False)]
        layers += [*_layer(8 * width, 4 * width, norm == "batch"), nn.Linear(4 * width, 1), nn.Flatten(0)]
        self.layers = nn.Sequential(*layers)
        if norm == "spectral":
            spectral_norm.add(self)

    def forward(self, images: Tensor) -> Tensor:
        return self.layers(images)


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
