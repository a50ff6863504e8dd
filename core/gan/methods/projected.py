"""Projected GANs (Sauer et al. 2021, arXiv:2111.01007): discriminators that look at pictures with a network which has
seen others before, our own (`core.perceptual`), so that they need not learn to see first.

As in the paper: features of four scales are mixed by fixed random numbers, across channels and then from coarse to
fine, and each scale has a small discriminator with spectral norm of its own; what they see is blurred at first; the
generator is FastGAN's light one (Liu et al. 2021, arXiv:2101.04775), with skip-layer excitation. In small: features
are seen at the pictures' own size; discriminators have no batch norm, so they judge each picture by itself, and give
one logit each instead of one for each place.

The network that sees is not learned, so neither checkpoints nor folders hold it; the random numbers that mix are
buffers, which they do.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Literal, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core import perceptual
from core.gan import folding, initial, scales, spectral_norm
from core.gan.classes import told
from core.gan.conditional import Projection, opinion
from core.gan.methods.method import GeneratorNetwork, Method, Network, widths_and_norms
from core.gan.phases import two_phases
from core.gan.request import TrainRequest

if TYPE_CHECKING:
    from core.gan.train import Training

LAYERS = {"relu2_2": 64, "relu3_2": 128, "relu4_1": 256, "relu5_1": 512}  # that are looked at, and their channels
SEEN_FROM = 64  # px: smaller pictures are enlarged twice, as the network has learned from 48 to 96 px
EXCITES = 4  # scales from the one that excites to the one that is excited, as in FastGAN; in small pictures fewer
WIDEST = 8  # times the width that features are mixed to: a head's last layers
BLUR = 1.0  # px, at first
BLURRED = 20_000  # pictures: so long blur takes to fade, in a short run a quarter of it
LARGEST = 256  # px


# ---------------------------------------------------------------- the generator


class Excitation(nn.Module):
    """Skip-layer excitation (equation 1 of FastGAN): features of a small scale say how much each channel of a large
    one counts."""

    def __init__(self, before: int, after: int):
        super().__init__()
        self.layers = nn.Sequential(
            nn.AdaptiveAvgPool2d(4), nn.Conv2d(before, after, 4, bias=False), nn.SiLU(),
            nn.Conv2d(after, after, 1, bias=False), nn.Sigmoid(),
        )  # fmt: skip

    def forward(self, small: Tensor, large: Tensor) -> Tensor:
        return large * self.layers(small)


class Gated(nn.Module):
    """One half of the features decides how much of the other passes (gated linear units). As torch's own, in a third of
    the time: halves that lie apart in memory are slow to go back through."""

    def forward(self, features: Tensor) -> Tensor:
        passed, gate = (half.contiguous(memory_format=torch.channels_last) for half in features.chunk(2, 1))
        return passed * gate.sigmoid()


class Generator(GeneratorNetwork):
    """Latents [N, latent + classes] -> images."""

    def __init__(
        self, *, method: Literal["projected"] = "projected", size: int, channels: int, latent: int, width: int,
        norm: Literal["batch", "none"] = "batch", classes: Sequence[str] = (),
    ):  # fmt: skip
        super().__init__()
        common = {"method": method, "size": size, "channels": channels}
        self.config = {**common, "latent": latent, "width": width, "norm": norm, **told(classes)}
        widths = scales.widths(size, width)
        self.reach = min(EXCITES, len(widths) - 1)
        first = nn.ConvTranspose2d(latent + len(classes), 2 * widths[0], 4, bias=norm == "none")  # 1x1 -> 4x4
        self.beginning = nn.Sequential(first, *_gated(widths[0], norm))
        self.doubled = nn.ModuleList(_doubled(before, after, norm) for before, after in itertools.pairwise(widths))
        self.excited = nn.ModuleList(map(Excitation, widths, widths[self.reach :]))
        self.picture = nn.Sequential(nn.Conv2d(widths[-1], channels, 3, padding=1), nn.Tanh())

    def forward(self, latents: Tensor) -> Tensor:
        features = [self.beginning(latents[:, :, None, None])]
        for scale, double in enumerate(self.doubled, 1):
            features.append(double(features[-1]))
            if scale >= self.reach:
                small = scale - self.reach
                features[-1] = self.excited[small](features[small], features[-1])
        return self.picture(features[-1])

    def sampling_form(self) -> nn.Module:
        """Without norms."""
        form = super().sampling_form().eval()
        assert isinstance(form, Generator)
        form.beginning = folding.without_norms(form.beginning)
        form.doubled = nn.ModuleList(folding.without_norms(cast(nn.Sequential, double)) for double in form.doubled)
        return form


def _doubled(before: int, after: int, norm: str) -> nn.Sequential:
    """Features of a scale -> those of the next."""
    convolution = nn.Conv2d(before, 2 * after, 3, padding=1, bias=norm == "none")
    return nn.Sequential(nn.Upsample(scale_factor=2, mode="nearest"), convolution, *_gated(after, norm))


def _gated(width: int, norm: str) -> list[nn.Module]:
    return [*([nn.BatchNorm2d(2 * width)] if norm == "batch" else []), Gated()]


# ---------------------------------------------------------------- the discriminator


class Mixing(nn.Module):
    """A convolution whose numbers are drawn once and never learned."""

    weight: Tensor

    def __init__(self, before: int, after: int, kernel: int):
        super().__init__()
        self.register_buffer("weight", torch.zeros(after, before, kernel, kernel))

    def forward(self, features: Tensor) -> Tensor:
        return F.conv2d(features, self.weight.to(features.dtype), padding=self.weight.shape[-1] // 2)


class Discriminator(Network):
    """Images, and shares of classes [N, classes], -> logits: the mean of what its heads say, one at each scale.

    With classes each head has an embedding of them, which its features are projected on.
    """

    blur: Tensor

    def __init__(
        self, *, method: Literal["projected"] = "projected", size: int, channels: int, width: int,
        classes: Sequence[str] = (),
    ):  # fmt: skip
        super().__init__()
        self.config = {"method": method, "size": size, "channels": channels, "width": width, **told(classes)}
        if scales.count(size) > scales.count(LARGEST):
            raise ValueError(f"size is {size}")  # what the network that sees takes is not told before
        self.larger = 2 if size < SEEN_FROM else 1
        views = 2 if channels == 4 else 1
        self.across = nn.ModuleList(Mixing(views * channels, width, 1) for channels in LAYERS.values())
        self.down = nn.ModuleList(Mixing(width, width, 3) for _ in list(LAYERS)[1:])
        sides = [size * self.larger >> scale for scale in range(1, len(LAYERS) + 1)]
        self.heads = nn.ModuleList(_head(side, width) for side in sides)
        tables = [nn.Linear(len(classes), _widths(side, width)[-1], False) for side in sides if classes]
        self.projection = nn.ModuleList(map(Projection, tables)) if classes else None
        self.register_buffer("blur", torch.zeros(()))
        spectral_norm.add(self)

    def forward(self, images: Tensor, shares: Tensor | None = None) -> Tensor:
        return self.opinions(images, shares).mean(1)

    def opinions(self, images: Tensor, shares: Tensor | None = None) -> Tensor:
        """[N, heads]: each has a loss of its own, or those that are ahead would spare the others learning."""
        heads, features = cast(Iterable[nn.Sequential], self.heads), self._features(images)
        projections = cast(Iterable[Projection | None], self.projection or [None] * len(features))
        judged = (opinion(head, f, p, shares) for head, f, p in zip(heads, features, projections, strict=True))
        return torch.stack(list(judged), 1)

    def _features(self, images: Tensor) -> list[Tensor]:
        """Of every scale, [N, width, H, W], the finest first."""
        pictures = torch.cat(_in_colour(blurred(images, self._blur())))
        if self.larger > 1:
            pictures = F.interpolate(pictures, scale_factor=self.larger, mode="bilinear", align_corners=False)
        seen = _eyes(pictures.device, torch.float64 if pictures.dtype == torch.float64 else torch.float32)
        found = [torch.cat(f.split(len(images)), 1) for f in seen(pictures, list(LAYERS)).values()]
        mixed = [mix(features) for mix, features in zip(self.across, found, strict=True)]
        for scale in reversed(range(len(mixed) - 1)):  # each is told what the next smaller one sees
            smaller = F.interpolate(mixed[scale + 1], scale_factor=2, mode="bilinear", align_corners=False)
            mixed[scale] = self.down[scale](mixed[scale] + smaller)
        return mixed

    def _blur(self) -> float:
        """In pixels. Where there are only shapes (`core.gan.zoo.cost`) and no numbers, none."""
        if self.blur.is_meta:
            return 0.0
        return min(max(self.blur.nan_to_num().item(), 0.0), BLUR)  # it may come from anybody's file


def _widths(side: int, width: int) -> list[int]:
    """Of features that are halved from side x side to 4x4."""
    return [width * min(WIDEST, 2**halved) for halved in range(max(1, side.bit_length() - 2))]


def _head(side: int, width: int) -> nn.Sequential:
    """Features [N, width, side, side] -> logits [N]."""
    widths = _widths(side, width)
    layers: list[nn.Module] = [nn.Conv2d(width, width, 3, padding=1), nn.LeakyReLU(0.2, inplace=True)]
    for before, after in itertools.pairwise(widths):
        layers += [nn.Conv2d(before, after, 4, 2, 1), nn.LeakyReLU(0.2, inplace=True)]
    return nn.Sequential(*layers, nn.Conv2d(widths[-1], 1, min(4, side)), nn.Flatten(0))


def _in_colour(images: Tensor) -> list[Tensor]:
    """As the network takes them, [N, 3, H, W] in [0, 1]; those that can be seen through on white and on black, which
    together tell all of them."""
    pictures = (images + 1) / 2
    if pictures.shape[1] < 4:
        return [pictures.expand(-1, 3, -1, -1)]
    colour, opacity = pictures[:, :3], pictures[:, 3:]
    return [colour * opacity + (1 - opacity), colour * opacity]


def blurred(images: Tensor, deviation: float) -> Tensor:
    """By a Gaussian, in pixels; borders are repeated outwards."""
    if not deviation:
        return images
    reach = math.ceil(3 * deviation)
    places = torch.arange(-reach, reach + 1, device=images.device, dtype=images.dtype)
    weights = F.softmax(-((places / deviation) ** 2) / 2, 0)
    n, channels, height, width = images.shape
    alone = F.pad(images, (reach,) * 4, mode="replicate").flatten(0, 1)[:, None]
    alone = F.conv2d(F.conv2d(alone, weights[None, None, None]), weights[None, None, :, None])
    return alone.view(n, channels, height, width)


@functools.cache
def _eyes(device: torch.device, dtype: torch.dtype) -> perceptual.FeatureNet:
    """The network that sees; `UserError` where it is missing. Whoever asks first, it is fit for training."""
    with torch.inference_mode(False):
        return perceptual.load("bundled", device=device, dtype=dtype)


# ---------------------------------------------------------------- training


def blur(request: TrainRequest, step: int) -> float:
    """In pixels: so that what is fine is not judged before what is coarse is there."""
    lasts = min(BLURRED, request.steps * request.batch / 4)
    return BLUR * max(0.0, 1 - step * request.batch / lasts)


def seeing_clearer(training: Training) -> Iterator[dict[str, Tensor]]:
    discriminator = training.d
    assert isinstance(discriminator, Discriminator)
    discriminator.blur.fill_(blur(training.request, training.steps))
    yield from two_phases(training)


@torch.no_grad()
def initialise(network: Network, rng: torch.Generator) -> None:
    """He et al. 2015; what is mixed keeps its deviation."""
    initial.draw(network, rng, lambda weight: math.sqrt(2 / weight[0].numel()))
    for layer in network.modules():
        if isinstance(layer, Mixing):
            layer.weight.normal_(0, 1 / math.sqrt(layer.weight[0].numel()), generator=rng)


def _configs(request: TrainRequest) -> tuple[dict[str, object], dict[str, object]]:
    of_generator, of_discriminator = widths_and_norms(request)
    del of_discriminator["norm"]  # which is always spectral
    return of_generator, of_discriminator


METHOD = Method(
    Generator, Discriminator, initialise, "a projected GAN (Sauer et al. 2021)", _configs, seeing_clearer, beta2=0.99,
)  # fmt: skip
