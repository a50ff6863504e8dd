"""Generators as other people write them, narrow, with random weights, and as files of theirs."""

import io
from collections.abc import Callable

import torch
from torch import nn


def up(before, after, kernel, stride, padding, bias=False):
    return nn.ConvTranspose2d(before, after, kernel, stride, padding, bias=bias)


class Cryptopunks(nn.Module):
    """nateraw/cryptopunks-gan, narrower."""

    def __init__(self):
        super().__init__()
        self.network = nn.Sequential(
            up(10, 16, 3, 1, 0), nn.BatchNorm2d(16), nn.ReLU(True),
            up(16, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU(True),
            up(8, 6, 4, 2, 0), nn.BatchNorm2d(6), nn.ReLU(True), up(6, 4, 4, 2, 1), nn.Tanh(),
        )  # fmt: skip

    def forward(self, z):
        return self.network(z[:, :, None, None])


class Tutorial(nn.Module):
    """huggan/dcgan-mnist: the PyTorch tutorial's DCGAN-64."""

    def __init__(self, channels=1):
        super().__init__()
        widths, layers = [10, 32, 16, 8, 4], []
        for i in range(4):
            layers += [up(widths[i], widths[i + 1], 4, 2 if i else 1, 1 if i else 0), nn.BatchNorm2d(widths[i + 1])]
            layers += [nn.ReLU(True)]
        self.model = nn.Sequential(*layers, up(4, channels, 4, 2, 1), nn.Tanh())

    def forward(self, z):
        return self.model(z[:, :, None, None])


def lively(net: nn.Module, latents: Callable[[int, torch.Generator], tuple[torch.Tensor, ...]] | None = None):
    """Random weights large enough that a wrong layer changes the picture, and batch norms that remember what arrives
    at them, as after training. `latents(count, rng)`: what the network takes, unless it is normal numbers."""
    rng = torch.Generator().manual_seed(3)
    net.requires_grad_(False)
    for name, value in net.named_parameters():
        value.copy_(torch.randn(value.shape, generator=rng) * 0.3 + (value.ndim == 1 and "weight" in name))
    norms = [module for module in net.modules() if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = None  # an average over all batches
    if norms:
        net.train()
        for _ in range(8):
            net(*(latents or _normal(net))(128, rng))
    return net.eval()


def _normal(net: nn.Module):
    first = next(module for module in net.modules() if isinstance(module, nn.Linear | nn.ConvTranspose2d))
    size = first.in_features if isinstance(first, nn.Linear) else first.in_channels
    shape = (size, 1, 1) if isinstance(net, nn.Sequential) and first is net[0] and first.weight.ndim > 2 else (size,)
    return lambda count, rng: (torch.randn(count, *shape, generator=rng),)


def saved(thing, **how) -> bytes:
    file = io.BytesIO()
    torch.save(thing, file, **how)
    return file.getvalue()
