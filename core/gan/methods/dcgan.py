"""DCGAN: nothing but strided convolutions, batch norm and ReLU (Radford et al. 2015, arXiv:1511.06434)."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from core.gan import folding, initial, spectral_norm
from core.gan.classes import told
from core.gan.conditional import Projection, opinion
from core.gan.methods.method import GeneratorNetwork, Method, Network, widths_and_norms
from core.gan.minibatch_stddev import MinibatchStddev
from core.gan.request import TrainRequest


class Generator(GeneratorNetwork):
    """Latents [N, latent + classes] -> images.

    Widths halve while the picture doubles from 4x4, down to `width` before the last layer, as in the paper's figure 1
    (there width 128, in most code since then 64).
    """

    def __init__(
        self, *, method: Literal["dcgan"] = "dcgan", size: int, channels: int, latent: int, width: int,
        norm: Literal["batch", "none"] = "batch", classes: Sequence[str] = (),
    ):  # fmt: skip
        super().__init__()
        common = {"method": method, "size": size, "channels": channels}
        self.config = {**common, "latent": latent, "width": width, "norm": norm, **told(classes)}
        widths = [width * 2**i for i in reversed(range(_doublings(size)))]
        layers = _up(latent + len(classes), widths[0], 4, 1, 0, norm)  # 1x1 -> 4x4: the paper's "project and reshape"
        for before, after in itertools.pairwise(widths):
            layers += _up(before, after, 4, 2, 1, norm)
        self.layers = nn.Sequential(*layers, nn.ConvTranspose2d(widths[-1], channels, 4, 2, 1), nn.Tanh())

    def forward(self, latents: Tensor) -> Tensor:
        return self.layers(latents[:, :, None, None])

    def sampling_form(self) -> nn.Module:
        return folding.folded(self.layers)


class Discriminator(Network):
    """Images, and shares of classes [N, classes], -> logits: the mirror image of the generator.

    `norm` is "batch" (the paper's: in all but the first and last layer), "spectral" (Miyato et al. 2018, in all layers,
    instead of batch norm) or "none". With `stddev` its last layer sees how much the batch varies.
    """

    def __init__(
        self, *, method: Literal["dcgan"] = "dcgan", size: int, channels: int, width: int,
        norm: Literal["batch", "spectral", "none"] = "batch", stddev: bool = False,
        classes: Sequence[str] = (),
    ):  # fmt: skip
        super().__init__()
        common = {"method": method, "size": size, "channels": channels}
        self.config = {**common, "width": width, "norm": norm, "stddev": stddev, **told(classes)}
        layers, widest = down(size, channels, width, norm == "batch")
        layers += [MinibatchStddev()] if stddev else []
        layers += [nn.Conv2d(widest + stddev, 1, 4, 1, 0), nn.Flatten(0)]  # 4x4 -> 1x1
        self.layers = nn.Sequential(*layers)
        self.projection = Projection(nn.Linear(len(classes), widest + stddev, False)) if classes else None
        if norm == "spectral":
            spectral_norm.add(self)

    def forward(self, images: Tensor, shares: Tensor | None = None) -> Tensor:
        return opinion(self.layers, images, self.projection, shares)


def down(size: int, channels: int, width: int, batch_norm: bool) -> tuple[list[nn.Module], int]:
    """From images to 4x4: the layers, and how many channels the last one has."""
    widths = [channels] + [width * 2**i for i in range(_doublings(size))]
    layers: list[nn.Module] = []
    for i, (before, after) in enumerate(itertools.pairwise(widths)):
        normalised = batch_norm and i > 0
        layers += [nn.Conv2d(before, after, 4, 2, 1, bias=not normalised)]
        layers += [nn.BatchNorm2d(after)] if normalised else []
        layers += [nn.LeakyReLU(0.2, inplace=True)]
    return layers, widths[-1]


def _up(before: int, after: int, kernel: int, stride: int, padding: int, norm: str) -> list[nn.Module]:
    normalised = norm == "batch"
    layers: list[nn.Module] = [nn.ConvTranspose2d(before, after, kernel, stride, padding, bias=not normalised)]
    layers += [nn.BatchNorm2d(after)] if normalised else []
    return [*layers, nn.ReLU(inplace=True)]


def _doublings(size: int) -> int:
    """How often 4x4 is doubled to reach size x size."""
    doublings = size.bit_length() - 3
    if doublings < 1 or size != 4 << doublings:
        raise ValueError(f"size is {size}")
    return doublings


def initialise(network: Network, rng: torch.Generator) -> None:
    """As in the paper: weights N(0, 0.02)."""
    initial.draw(network, rng, lambda _: 0.02)


def _configs(request: TrainRequest) -> tuple[dict[str, Any], dict[str, Any]]:
    of_generator, of_discriminator = widths_and_norms(request)
    return of_generator, {**of_discriminator, "stddev": request.minibatch_stddev}


METHOD = Method(Generator, Discriminator, initialise, "DCGAN (Radford et al. 2015)", _configs)
