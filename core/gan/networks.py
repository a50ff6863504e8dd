"""The two networks: fully connected (Goodfellow et al. 2014) and DCGAN (Radford et al. 2015, arXiv:1511.06434).

A network is a pure function of its configuration, a flat dictionary that is also its `config.json`. Initial weights
come from a `torch.Generator`, never from torch's global one. Knows nothing of losses, training or files.

Shapes: latents [N, latent]; images [N, channels, size, size] in [-1, 1]; logits [N].
"""

from __future__ import annotations

import itertools
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize

from core.gan.request import TrainRequest

CHANNELS = {"grey": 1, "rgb": 3, "rgba": 4}


class Generator(nn.Module):
    """Latents [N, latent] -> images [N, channels, size, size] in [-1, 1].

    Widths of DCGAN halve while the picture doubles from 4x4, down to `width` before the last layer, as in the paper's
    figure 1 (there width 128, in most code since then 64). `norm` is "batch" or "none".
    """

    def __init__(self, *, method: str, size: int, channels: int, latent: int, width: int, norm: str = "batch"):
        super().__init__()
        common = {"method": method, "size": size, "channels": channels}
        self.config = {**common, "latent": latent, "width": width, "norm": norm}
        normalised = norm == "batch"
        if method == "dcgan":
            widths = [width * 2**i for i in reversed(range(doublings(size)))]
            layers = [*_up(latent, widths[0], 4, 1, 0, normalised)]  # 1x1 -> 4x4: the paper's "project and reshape"
            for before, after in itertools.pairwise(widths):
                layers += _up(before, after, 4, 2, 1, normalised)
            layers += [nn.ConvTranspose2d(widths[-1], channels, 4, 2, 1)]
        else:
            widths = [latent, 4 * width, 8 * width, 16 * width]  # at width 64 those of the lesson
            layers = []
            for before, after in itertools.pairwise(widths):
                layers += [nn.Linear(before, after, bias=not normalised)]
                layers += [nn.BatchNorm1d(after)] if normalised else []
                layers += [nn.LeakyReLU(0.2, inplace=True)]
            layers += [nn.Linear(widths[-1], channels * size * size), nn.Unflatten(1, (channels, size, size))]
        self.layers = nn.Sequential(*layers, nn.Tanh())

    def forward(self, latents: Tensor) -> Tensor:
        return self.layers(latents[:, :, None, None] if self.config["method"] == "dcgan" else latents)


class Discriminator(nn.Module):
    """Images [N, channels, size, size] -> logits [N], large for real.

    The mirror image of the generator. `norm` is "batch" (the paper's: in all but the first and last layer),
    "spectral" (Miyato et al. 2018, in all layers, instead of batch norm) or "none".
    """

    def __init__(self, *, method: str, size: int, channels: int, width: int, norm: str = "batch"):
        super().__init__()
        self.config = {"method": method, "size": size, "channels": channels, "width": width, "norm": norm}
        normalised = norm == "batch"
        if method == "dcgan":
            widths = [channels] + [width * 2**i for i in range(doublings(size))]
            layers: list[nn.Module] = []
            for i, (before, after) in enumerate(itertools.pairwise(widths)):
                inner = normalised and i > 0
                layers += [nn.Conv2d(before, after, 4, 2, 1, bias=not inner)]
                layers += [nn.BatchNorm2d(after)] if inner else []
                layers += [nn.LeakyReLU(0.2, inplace=True)]
            layers += [nn.Conv2d(widths[-1], 1, 4, 1, 0), nn.Flatten(0)]  # 4x4 -> 1x1
        else:
            layers = [nn.Flatten()]
            for i, (before, after) in enumerate([(channels * size * size, 8 * width), (8 * width, 4 * width)]):
                inner = normalised and i > 0
                layers += [nn.Linear(before, after, bias=not inner)]
                layers += [nn.BatchNorm1d(after)] if inner else []
                layers += [nn.LeakyReLU(0.2, inplace=True)]
            layers += [nn.Linear(4 * width, 1), nn.Flatten(0)]
        self.layers = nn.Sequential(*layers)

    def forward(self, images: Tensor) -> Tensor:
        return self.layers(images)


def doublings(size: int) -> int:
    """How often 4x4 is doubled to reach size x size."""
    return int(math.log2(size // 4))


def _up(before: int, after: int, kernel: int, stride: int, padding: int, normalised: bool) -> list[nn.Module]:
    layers: list[nn.Module] = [nn.ConvTranspose2d(before, after, kernel, stride, padding, bias=not normalised)]
    layers += [nn.BatchNorm2d(after)] if normalised else []
    return [*layers, nn.ReLU(inplace=True)]


# ---------------------------------------------------------------- from a request


def build(request: TrainRequest, generator: torch.Generator) -> tuple[Generator, Discriminator]:
    """Both networks of a request, freshly initialised from `generator`."""
    common = {"method": request.method, "size": request.size, "channels": CHANNELS[request.colour]}
    with torch.random.fork_rng(devices=[]):  # torch's layers draw weights of their own before ours replace them
        g = Generator(**common, latent=request.latent, width=request.width_g, norm=request.norm_g)
        d = Discriminator(**common, width=request.width_d, norm=request.norm_d)
    initialise(g, generator)
    initialise(d, generator)
    if request.norm_d == "spectral":
        for layer in d.layers:
            if isinstance(layer, nn.Conv2d | nn.Linear):
                parametrize.register_parametrization(layer, "weight", SpectralNorm(layer.weight, generator))
    return g, d


@torch.no_grad()
def initialise(network: Generator | Discriminator, generator: torch.Generator) -> None:
    """DCGAN: weights N(0, 0.02), batch norm's scales N(1, 0.02), biases 0. Fully connected: He et al. 2015, because
    0.02 is too little for wide layers without batch norm."""
    convolutional = network.config["method"] == "dcgan"
    for layer in network.layers:
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            std = 0.02 if convolutional else math.sqrt(2 / layer.weight[0].numel())
            layer.weight.normal_(0, std, generator=generator)
        elif isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            layer.weight.normal_(1, 0.02, generator=generator)
        if getattr(layer, "bias", None) is not None:
            layer.bias.zero_()


class SpectralNorm(nn.Module):
    """Weights divided by their largest singular value (Miyato et al. 2018, arXiv:1802.05957, algorithm 1).

    torch has this too; here the first vector comes from our generator, and nothing is rounded to bfloat16 by autocast.
    """

    def __init__(self, weight: Tensor, generator: torch.Generator):
        super().__init__()
        self.register_buffer("u", F.normalize(torch.randn(len(weight), generator=generator), dim=0))
        with torch.no_grad():
            for _ in range(15):  # the largest singular value is known from the start, not after some steps
                self.u = self._turned(weight.flatten(1))[0]

    def _turned(self, matrix: Tensor) -> tuple[Tensor, Tensor]:
        v = F.normalize(matrix.T @ self.u.to(matrix.dtype), dim=0, eps=1e-12)
        return F.normalize(matrix @ v, dim=0, eps=1e-12), v

    def forward(self, weight: Tensor) -> Tensor:
        with torch.autocast(weight.device.type, enabled=False):
            matrix = weight.flatten(1)
            with torch.no_grad():
                u, v = self._turned(matrix)
                if self.training:
                    self.u.copy_(u)
            return weight / (u @ (matrix @ v))
