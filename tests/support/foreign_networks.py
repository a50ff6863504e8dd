"""Generators as other people write them, narrow, with random weights, and as files of theirs."""

import io

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


def lively(net: nn.Module) -> nn.Module:
    """Random weights large enough, and batch norm with statistics, so that a wrong layer changes the picture."""
    randomness = torch.Generator().manual_seed(3)
    for name, value in net.state_dict().items():
        if value.is_floating_point():
            value.copy_(torch.randn(value.shape, generator=randomness) * 0.3 + ("running_var" in name) * 2)
            if "running_var" in name:
                value.abs_().add_(0.1)
    return net.eval().requires_grad_(False)


def saved(thing, **how) -> bytes:
    file = io.BytesIO()
    torch.save(thing, file, **how)
    return file.getvalue()
