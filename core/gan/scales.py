"""What networks that know pictures of several sizes are made of (Karras et al. 2018, arXiv:1710.10196, appendix A).

Scale 0 is 4x4, each one after it twice as large, the last one `size`. Widths are DCGAN's: `width` channels at half the
size, twice as many at a quarter, half as many at the full size; so every scale costs about as much as the one before.
Knows no training.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.gan import initial
from core.gan.conditional import Projection
from core.gan.methods.method import Network
from core.gan.minibatch_stddev import MinibatchStddev
from core.gan.request import TrainRequest

GAIN = math.sqrt(2)  # He et al. 2015: what a leaky ReLU takes away
EPSILON = 1e-8


def count(size: int) -> int:
    """How many scales lead from 4x4 to size x size."""
    found = size.bit_length() - 2
    if found < 2 or size != 2 << found:
        raise ValueError(f"size is {size}")
    return found


def widths(size: int, width: int) -> list[int]:
    """Channels at each scale."""
    last = count(size) - 1
    return [max(1, width * 2 ** (last - scale) // 2) for scale in range(last + 1)]


def shrunk(images: Tensor, side: int) -> Tensor:
    """[..., H, W] -> [..., side, side]: each pixel the mean of those it stands for."""
    return images if images.shape[-1] == side else F.avg_pool2d(images, images.shape[-1] // side)


def enlarged(images: Tensor, side: int) -> Tensor:
    """[..., H, W] -> [..., side, side]: each pixel becomes a square."""
    return images if images.shape[-1] == side else F.interpolate(images, size=(side, side), mode="nearest")


# ---------------------------------------------------------------- layers


class EqualisedConv2d(nn.Conv2d):
    """Weights of deviation 1, scaled when used, so that all layers learn at the same rate (section 4.1)."""

    def __init__(self, before: int, after: int, kernel: int, gain: float = GAIN):
        super().__init__(before, after, kernel, padding=kernel // 2)
        self.scale = gain / math.sqrt(self.weight[0].numel())

    def forward(self, features: Tensor) -> Tensor:
        return F.conv2d(features, self.weight * self.scale, self.bias, padding=self.padding)


class EqualisedLinear(nn.Linear):
    """As `EqualisedConv2d`."""

    def __init__(self, before: int, after: int, gain: float = GAIN):
        super().__init__(before, after)
        self.scale = gain / math.sqrt(before)

    def forward(self, features: Tensor) -> Tensor:
        return F.linear(features, self.weight * self.scale, self.bias)


class PixelNorm(nn.Module):
    """The features of every place get the length 1 (section 4.2), by which they cannot outgrow those of D."""

    def forward(self, features: Tensor) -> Tensor:
        length = features.float().square().mean(1, keepdim=True).add(EPSILON).rsqrt()
        return features * length.to(features.dtype)


# ---------------------------------------------------------------- parts of a generator


def beginning(latent: int, width: int) -> nn.Sequential:
    """Latents [N, latent] -> features of scale 0. The paper brings latents to one length first; here they stay as they
    are, or truncation would do nothing."""
    dense = EqualisedLinear(latent, 16 * width, GAIN / 4)  # the authors' gain, smaller than usual
    return nn.Sequential(dense, nn.Unflatten(1, (width, 4, 4)), *_after(), *_normed(width, width))


def doubled(before: int, after: int) -> nn.Sequential:
    """Features of a scale -> those of the next."""
    larger = nn.Upsample(scale_factor=2, mode="nearest")
    return nn.Sequential(larger, *_normed(before, after), *_normed(after, after))


def picture(width: int, channels: int) -> nn.Sequential:
    """Features -> the picture they stand for. The paper's are not bounded; here they are, as all generators' are."""
    return nn.Sequential(EqualisedConv2d(width, channels, 1, 1.0), nn.Tanh())


def _normed(before: int, after: int) -> list[nn.Module]:
    return [EqualisedConv2d(before, after, 3), *_after()]


def _after() -> list[nn.Module]:
    return [nn.LeakyReLU(0.2, inplace=True), PixelNorm()]


# ---------------------------------------------------------------- parts of a discriminator


def halved(before: int, middle: int, after: int) -> nn.Sequential:
    """Features of a scale -> those of the one before."""
    return nn.Sequential(*seen(before, middle, 3), *seen(middle, after, 3), nn.AvgPool2d(2))


def seen(before: int, after: int, kernel: int) -> nn.Sequential:
    """One convolution of a discriminator."""
    return nn.Sequential(EqualisedConv2d(before, after, kernel), nn.LeakyReLU(0.2, inplace=True))


def ending(before: int, width: int) -> nn.Sequential:
    """Features of scale 0 -> logits [N]."""
    return nn.Sequential(
        MinibatchStddev(), *seen(before + 1, width, 3), nn.Flatten(), EqualisedLinear(16 * width, width),
        nn.LeakyReLU(0.2, inplace=True), EqualisedLinear(width, 1, 1.0), nn.Flatten(0),
    )  # fmt: skip


def projection(classes: int, width: int) -> Projection | None:
    """Of what `ending` makes its last number of; None without classes."""
    return Projection(EqualisedLinear(classes, width, math.sqrt(classes / width))) if classes else None


def configs(request: TrainRequest) -> tuple[dict[str, Any], dict[str, Any]]:
    """Of two networks that each have a width and no choice of norms."""
    common = {"method": request.method, "size": request.size, "channels": request.channels}
    return {**common, "latent": request.latent, "width": request.width_g}, {**common, "width": request.width_d}


def initialise(network: Network, rng: torch.Generator) -> None:
    """Deviation 1: what scales the weights is in the layers."""
    initial.draw(network, rng, lambda _: 1.0)
