"""What a method consists of, and what its networks answer. Where a method does as most do, it need not say so.

Shapes: images [N, channels, size, size] in [-1, 1]; logits [N], large for real. Latents are [N, ...], whatever the
generator makes images of. A network is a pure function of its configuration, a flat dictionary that is also its
`config.json` and whose values the types of its constructor's parameters allow.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.gan import points
from core.gan.phases import two_phases
from core.gan.request import TrainRequest

if TYPE_CHECKING:
    from core.gan.train import Training


class Network(nn.Module):
    """Either of the two that learn. `config` makes it again, without its numbers."""

    config: dict[str, Any]

    def shown(self, images: Tensor) -> Tensor:
        """What a discriminator is shown of real pictures while training: [N, C, H, W], or several of each that belong
        together, [N, K, C, H, W]."""
        return images

    def opinions(self, images: Tensor, shares: Tensor | None = None) -> Tensor:
        """What a discriminator's losses are made of: its logits [N], or those of several judges [N, judges]."""
        return self(images) if shares is None else self(images, shares)


class GeneratorNetwork(Network):
    """Latents -> images. `config` has at least latent, size and channels; `classes` too, a list of names, where it
    makes pictures of a class that one may choose. Its latents then are [N, latent + classes]: behind the random numbers
    stands how much of each class a picture is (see `core.gan.points.classes`)."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Their names, in the order of their numbers; none where it knows no classes."""
        return tuple(self.config.get("classes", ()))

    def shown(self, latents: Tensor) -> Tensor:
        """What a discriminator is shown of generated pictures while training."""
        return self(latents)

    def latents(self, count: int, rng: torch.Generator) -> Tensor:
        """As training draws them: normal instead of the first paper's uniform numbers, as in nearly all code since: no
        corners to fall into. Classes take turns."""
        random, of = torch.randn(count, self.config["latent"], generator=rng), len(self.classes)
        return torch.cat([random, F.one_hot(torch.arange(count) % of, of)], 1) if of else random

    def training_latents(self, count: int, rng: torch.Generator) -> Tensor:
        """What a step of training makes its pictures of, where that is more than latents."""
        return self.latents(count, rng)

    def latents_of(self, names: Sequence[str], truncation: float) -> Tensor:
        """Those of points (see `core.gan.points`), nearer to the middle by `truncation`: what `sampling_form` takes."""
        of = len(self.classes)
        random = torch.from_numpy(points.latents(names, self.config["latent"], of)) * truncation
        return torch.cat([random, torch.from_numpy(points.classes(names, of))], 1) if of else random

    def sampling_form(self) -> nn.Module:
        """The same function, faster: without what only training needs. A network of its own."""
        return copy.deepcopy(self)


def all_alike(_request: TrainRequest, _step: int) -> float:
    return 1.0


@dataclass(frozen=True)
class Method:
    """`phases` makes one step of training, see `core.gan.phases`. What a method has to remember beside weights are
    buffers of its networks: they are kept in checkpoints, and in the generator's folder."""

    generator: type[GeneratorNetwork]
    partner: type[Network]  # learns beside it and is not needed to make pictures: a discriminator, or an encoder
    initialise: Callable[[Network, torch.Generator], None]  # draws all numbers of a new network
    card: str  # in the model card: what it is, and its paper
    configs: Callable[[TrainRequest], tuple[dict[str, Any], dict[str, Any]]]  # the two networks' of a request
    phases: Callable[[Training], Iterator[dict[str, Tensor]]] = two_phases
    effort: Callable[[TrainRequest, int], float] = all_alike  # of a step, compared with the run's others
    beta2: float = 0.999  # Adam's second


def widths_and_norms(request: TrainRequest) -> tuple[dict[str, Any], dict[str, Any]]:
    """The configurations of two networks that each have a width and a kind of normalisation."""
    common = {"method": request.method, "size": request.size, "channels": request.channels}
    return (
        {**common, "latent": request.latent, "width": request.width_g, "norm": request.norm_g},
        {**common, "width": request.width_d, "norm": request.norm_d},
    )
