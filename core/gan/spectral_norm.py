"""Spectral norm: weights divided by their largest singular value (Miyato et al. 2018, arXiv:1802.05957).

torch has this too; here the first vector comes from our generator, and nothing is rounded to bfloat16 by autocast.
"""

from __future__ import annotations

import contextlib
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize

FIRST_TURNS = 16  # the largest singular value is known from the start, not after some steps
LAYERS = nn.Conv2d | nn.Linear


def add(network: nn.Module) -> None:
    """To all layers of a network that has not been given its numbers yet."""
    for layer in [layer for layer in network.modules() if isinstance(layer, LAYERS)]:
        parametrize.register_parametrization(layer, "weight", SpectralNorm(len(layer.weight)), unsafe=True)


def learned_weight(layer: nn.Module) -> Tensor:
    """The parameter behind a layer's weight, with or without spectral norm."""
    behind = _behind(layer)
    return cast(Tensor, layer.weight if behind is None else behind.original)


def begin(network: nn.Module, rng: torch.Generator) -> None:
    """Find the largest singular values of a network that has just been given its weights."""
    for layer in network.modules():
        if isinstance(layer, LAYERS) and (behind := _behind(layer)) is not None:
            cast(SpectralNorm, behind[0]).begin(learned_weight(layer), rng)


def _behind(layer: nn.Module) -> parametrize.ParametrizationList | None:
    """What makes a layer's weight out of the learned one, where something does."""
    if not parametrize.is_parametrized(layer, "weight"):
        return None
    return cast(parametrize.ParametrizationList, cast(nn.ModuleDict, layer.parametrizations)["weight"])


class SpectralNorm(nn.Module):
    """Algorithm 1: the singular vector `u` [outputs] is followed from step to step. `begin` before use."""

    u: Tensor

    def __init__(self, outputs: int):
        super().__init__()
        self.register_buffer("u", F.normalize(torch.ones(outputs), dim=0))

    @torch.no_grad()
    def begin(self, weight: Tensor, rng: torch.Generator) -> None:
        self.u.copy_(F.normalize(torch.randn(len(weight), generator=rng), dim=0))
        for _ in range(FIRST_TURNS):
            self.u.copy_(self._turned(weight.flatten(1))[0])

    def _turned(self, matrix: Tensor) -> tuple[Tensor, Tensor]:
        v = F.normalize(matrix.T @ self.u.to(matrix.dtype), dim=0, eps=1e-12)
        return F.normalize(matrix @ v, dim=0, eps=1e-12), v

    def forward(self, weight: Tensor) -> Tensor:
        # Where there are only shapes (`core.gan.zoo.cost`) nothing is rounded, and autocast is not known.
        with contextlib.nullcontext() if weight.is_meta else torch.autocast(weight.device.type, enabled=False):
            matrix = weight.flatten(1)
            with torch.no_grad():
                u, v = self._turned(matrix)
                if self.training:
                    self.u.copy_(u)
            return weight / (u @ (matrix @ v))
