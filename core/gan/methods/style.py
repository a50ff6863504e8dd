"""StyleGAN2 in small (Karras et al. 2020, arXiv:1912.04958): a mapping network makes a style out of the latents, and
styles scale the features that each convolution takes. Pictures are sums of those of every scale (skip generator).

As in the paper: demodulation instead of norms, noise on every layer, mixed styles, a residual discriminator with
minibatch standard deviation, equalised rates, and truncation towards the mean style. In small: widths are those of the
other methods that know several sizes (`core.gan.scales`), the mapping network has four layers, noise comes slowly,
pictures are bounded as all generators' are, path length is not punished, and features are enlarged behind the first
convolution of a scale, which costs a quarter, in place of before it.

Whoever samples does so among styles (the paper's W), where all that is between two is one: see `Generator.latents_of`.
"""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.gan import points, scales
from core.gan.classes import told
from core.gan.conditional import opinion
from core.gan.methods.method import GeneratorNetwork, Method, Network

MAPPING = 4  # layers; eight in the paper
MAPPING_RATE = 0.01  # of the others' (section B of the paper's appendix)
NOISE_RATE = 0.05  # of the others': in a trial of 400 steps that noise began as fast, pictures drowned in it
MIXED = 0.9  # of pictures, while training, that have two styles
FOLLOWS = 0.005  # of a step's mean style in the mean of all
EPSILON = 1e-8
SLOPE = 0.2


class Slow(nn.Linear):
    """A layer of the mapping network: equalised, and learning at a hundredth of the rate."""

    def __init__(self, before: int, after: int):
        super().__init__(before, after)
        self.scale = MAPPING_RATE * scales.GAIN / math.sqrt(before)

    def forward(self, features: Tensor) -> Tensor:
        return F.linear(features, self.weight * self.scale, self.bias * MAPPING_RATE)


class Mapping(nn.Module):
    """Latents [..., latent + classes] -> styles [..., latent]. Random numbers come in with length 1 each."""

    def __init__(self, latent: int, classes: int):
        super().__init__()
        self.latent = latent
        layers: list[nn.Module] = []
        for place in range(MAPPING):
            layers += [Slow(latent if place else latent + classes, latent), nn.LeakyReLU(SLOPE)]
        self.layers = nn.Sequential(*layers)

    def forward(self, latents: Tensor) -> Tensor:
        random, shares = latents[..., : self.latent], latents[..., self.latent :]
        normed = random * (random.square().mean(-1, keepdim=True) + EPSILON).rsqrt()
        return self.layers(torch.cat([normed, shares], -1))


class Modulated(nn.Conv2d):
    """A convolution whose inputs a style scales, and whose outputs are brought back to deviation 1 by what the weights
    would then be (equations 1 and 3). Scaling what goes in and comes out is the same as scaling the weights, and lets
    one convolution serve the whole batch."""

    def __init__(self, style: int, before: int, after: int, kernel: int, demodulated: bool = True):
        super().__init__(before, after, kernel, padding=kernel // 2, bias=False)
        self.gains = scales.EqualisedLinear(style, before, 1.0)
        self.scale, self.demodulated = 1 / math.sqrt(self.weight[0].numel()), demodulated

    def forward(self, features: Tensor, style: Tensor) -> Tensor:  # pyrefly: ignore[bad-override]  # a style as well
        gains, weight = 1 + self.gains(style), self.weight * self.scale
        made = F.conv2d(features * gains[:, :, None, None].to(features.dtype), weight, padding=self.padding)
        if not self.demodulated:
            return made
        power = F.linear(gains.square(), weight.square().sum((2, 3))).float()
        return made * (power + EPSILON).rsqrt()[:, :, None, None].to(made.dtype)


class Layer(nn.Module):
    """Features of a scale, styled: convolution, perhaps enlarging, noise, bias, leaky ReLU."""

    noise: Tensor

    def __init__(self, style: int, before: int, after: int, side: int, larger: bool = False):
        super().__init__()
        self.convolution, self.larger = Modulated(style, before, after, 3), larger
        self.bias, self.strength = nn.Parameter(torch.zeros(after)), nn.Parameter(torch.zeros(()))
        self.register_buffer("noise", torch.zeros(side, side))  # what pictures have that are made to be kept

    def forward(self, features: Tensor, style: Tensor, noise: torch.Generator | None) -> Tensor:
        made = self.convolution(features, style)
        made = _doubled(made) if self.larger else made
        drawn = self.noise
        if noise is not None:
            drawn = torch.randn(len(made), 1, *self.noise.shape, generator=noise).to(made.device)
        made = made + (drawn * (self.strength * NOISE_RATE)).to(made.dtype) + self.bias[:, None, None].to(made.dtype)
        return F.leaky_relu(made, SLOPE) * scales.GAIN


class Synthesis(nn.Module):
    """Styles [N, latent], or one for each layer [N, layers, latent], -> images."""

    def __init__(self, size: int, channels: int, style: int, width: int):
        super().__init__()
        widths = scales.widths(size, width)
        self.constant = nn.Parameter(torch.ones(1, widths[0], 4, 4))
        self.first = Layer(style, widths[0], widths[0], 4)
        self.doubled, self.same = nn.ModuleList(), nn.ModuleList()
        for scale in range(1, len(widths)):
            self.doubled.append(Layer(style, widths[scale - 1], widths[scale], 4 << scale, larger=True))
            self.same.append(Layer(style, widths[scale], widths[scale], 4 << scale))
        self.picture = nn.ModuleList(Modulated(style, width, channels, 1, demodulated=False) for width in widths)
        self.layers = 2 * len(widths) - 1

    def forward(self, styles: Tensor, noise: torch.Generator | None = None) -> Tensor:
        each = styles.expand(self.layers, -1, -1) if styles.ndim == 2 else styles.unbind(1)
        features = self.first(self.constant.expand(len(styles), -1, -1, -1), each[0], noise)
        pixels = self.picture[0](features, each[0])
        for scale, (double, same) in enumerate(zip(self.doubled, self.same, strict=True), 1):
            features = same(double(features, each[2 * scale - 1], noise), each[2 * scale], noise)
            pixels = _doubled(pixels) + self.picture[scale](features, each[2 * scale])
        return pixels.tanh()


def _doubled(images: Tensor) -> Tensor:
    return F.interpolate(images, scale_factor=2, mode="bilinear", align_corners=False)


class Generator(GeneratorNetwork):
    """Latents [N, latent + classes], or some for each layer [N, layers, latent + classes], -> images."""

    mean: Tensor

    def __init__(
        self, *, method: Literal["style"] = "style", size: int, channels: int, latent: int, width: int,
        classes: Sequence[str] = (),
    ):  # fmt: skip
        super().__init__()
        common = {"method": method, "size": size, "channels": channels}
        self.config = {**common, "latent": latent, "width": width, **told(classes)}
        self.mapping = Mapping(latent, len(classes))
        self.synthesis = Synthesis(size, channels, latent, width)
        self.register_buffer("mean", torch.zeros(latent))  # of the styles

    def forward(self, latents: Tensor) -> Tensor:
        """While training the noise is another one each time: drawn by what the latents are, so that a step that is made
        again makes the same pictures."""
        styles, noise = self.mapping(latents), None
        if self.training:
            with torch.no_grad():
                self.mean.lerp_(styles.detach().flatten(0, -2).mean(0).to(self.mean.dtype), FOLLOWS)
            noise = torch.Generator().manual_seed(hash(latents.double().sum().item()) % 2**63)
        return self.synthesis(styles, noise)

    def training_latents(self, count: int, rng: torch.Generator) -> Tensor:
        """Most pictures get a second style from some layer on (style mixing)."""
        layers = self.synthesis.layers
        one, other = self.latents(count, rng), self.latents(count, rng)
        mixed = torch.rand(count, 1, generator=rng) < MIXED
        behind = torch.arange(layers) >= torch.randint(1, layers, (count, 1), generator=rng)
        return torch.where((mixed & behind)[..., None], other[:, None], one[:, None])

    @torch.no_grad()
    def latents_of(self, names: Sequence[str], truncation: float) -> Tensor:
        """Styles of points: sums, ways and relatives are those of styles, and what is near to the middle is near to the
        mean style."""

        def style(latent: np.ndarray) -> np.ndarray:  # one at a time, so that no other has a part in it
            return self.mapping(torch.from_numpy(latent).float()[None])[0].numpy()

        styles = torch.from_numpy(points.styles(names, self.config["latent"], len(self.classes), style))
        return self.mean.lerp(styles, truncation)

    def sampling_form(self) -> nn.Module:
        """Of styles."""
        return copy.deepcopy(self.synthesis)


class Halved(nn.Module):
    """Features of a scale -> those of the one before, by two convolutions and around them."""

    def __init__(self, before: int, after: int):
        super().__init__()
        self.around = scales.EqualisedConv2d(before, after, 1, 1.0)
        self.first, self.second = scales.seen(before, before, 3), scales.seen(before, after, 3)

    def forward(self, features: Tensor) -> Tensor:
        seen = self.second(F.avg_pool2d(self.first(features), 2))
        return (seen + self.around(F.avg_pool2d(features, 2))) * math.sqrt(1 / 2)


class Discriminator(Network):
    """Images, and shares of classes [N, classes], -> logits: residual, without norms."""

    def __init__(
        self, *, method: Literal["style"] = "style", size: int, channels: int, width: int, classes: Sequence[str] = ()
    ):
        super().__init__()
        self.config = {"method": method, "size": size, "channels": channels, "width": width, **told(classes)}
        widths = scales.widths(size, width)[::-1]
        halved = [Halved(before, after) for before, after in itertools.pairwise(widths)]
        self.halved = nn.Sequential(scales.seen(channels, widths[0], 1), *halved)
        self.ending = scales.ending(widths[-1], widths[-1])
        self.projection = scales.projection(len(classes), widths[-1])

    def forward(self, images: Tensor, shares: Tensor | None = None) -> Tensor:
        return opinion(self.ending, self.halved(images), self.projection, shares)


@torch.no_grad()
def initialise(network: Network, rng: torch.Generator) -> None:
    """Deviation 1, but of the mapping network's layers what makes up for their rate."""
    scales.initialise(network, rng)
    for layer in network.modules():
        if isinstance(layer, Slow):
            layer.weight.div_(MAPPING_RATE)
        elif isinstance(layer, Synthesis):
            layer.constant.normal_(generator=rng)
        elif isinstance(layer, Layer):
            layer.noise.normal_(generator=rng)


METHOD = Method(Generator, Discriminator, initialise, "a small StyleGAN2 (Karras et al. 2020)", scales.configs)
