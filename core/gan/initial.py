"""The numbers a new network begins with. They come from a `torch.Generator`, never from torch's global one."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from core.gan import spectral_norm


@torch.no_grad()
def draw(network: nn.Module, rng: torch.Generator, std: Callable[[Tensor], float]) -> None:
    """Weights of layers normal with the standard deviation that `std` tells of them, batch norm's scales N(1, 0.02),
    biases 0; then what spectral norm knows of the weights."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            weight = spectral_norm.learned_weight(layer)
            weight.normal_(0, std(weight), generator=rng)
        elif isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            layer.weight.normal_(1, 0.02, generator=rng)
        else:
            continue
        if layer.bias is not None:
            layer.bias.zero_()
    spectral_norm.begin(network, rng)
