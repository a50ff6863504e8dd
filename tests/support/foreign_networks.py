"""Generators as other people write them, narrow, with random weights, and as files of theirs."""

import io
from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F


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


def connected(size, activation, eps=1e-5, norm_last=False, normed_first=True, end=nn.Tanh):
    """Fully connected, 16 px."""
    layers: list[nn.Module] = []
    for i, width in enumerate((24, 32, 24)):
        norm = [nn.BatchNorm1d(width, eps)] if i or normed_first else []
        layers += [nn.Linear(size, width), *(() if norm_last else norm), activation(), *(norm if norm_last else ())]
        size = width
    return nn.Sequential(*layers, nn.Linear(size, 256), end())


class OnMaps(nn.Module):
    """Up-convolutions of these (kernel, stride, padding, output padding) on 1x1 latents."""

    def __init__(self, size, *shapes, activation=nn.ReLU, channels=1):
        super().__init__()
        layers, widths = [], [size, 12, 8, 6][: len(shapes)]
        for before, after, shape in zip(widths, [*widths[1:], channels], shapes, strict=True):
            layers += [nn.ConvTranspose2d(before, after, *shape, bias=False), nn.BatchNorm2d(after), activation()]
        self.main = nn.Sequential(*layers[:-2], nn.Tanh())

    def forward(self, z):
        return self.main(z[:, :, None, None])


class Enlarged(nn.Module):
    """PyTorch-GAN's DCGAN, and its ACGAN with classes: Linear, norm, Upsample, convolution; 16 px."""

    def __init__(self, classes=0, corners=None, padded="zeros", mode="nearest"):
        super().__init__()
        if classes:
            self.label_emb = nn.Embedding(classes, 8)
        self.l1 = nn.Sequential(nn.Linear(8, 8 * 16))
        larger, way = nn.Upsample(scale_factor=2, mode=mode, align_corners=corners), {"padding_mode": padded}
        self.conv_blocks = nn.Sequential(
            nn.BatchNorm2d(8), larger,
            nn.Conv2d(8, 8, 3, 1, 1, **way), nn.BatchNorm2d(8, 0.8), nn.LeakyReLU(0.2), larger,
            nn.Conv2d(8, 6, 3, 1, 1, **way), nn.BatchNorm2d(6, 0.8), nn.LeakyReLU(0.2),
            nn.Conv2d(6, 1, 3, 1, 1, **way), nn.Tanh(),
        )  # fmt: skip

    def forward(self, z, labels=None):
        z = z if labels is None else self.label_emb(labels) * z
        return self.conv_blocks(self.l1(z).view(len(z), 8, 4, 4))


class Labelled(nn.Module):
    """A class before or behind the latents: one-hot, by a table (`nn.Embedding`), or by a linear layer."""

    def __init__(self, model, how, front=False, numbers=10):
        super().__init__()
        self.how, self.front = how, front
        if how == "table":
            self.label_emb = nn.Embedding(10, numbers)
        if how == "linear":
            self.label_fc = nn.Linear(10, numbers)
        self.model = model

    def forward(self, z, labels):
        one_hot = F.one_hot(labels, 10).float()
        words = self.label_emb(labels) if self.how == "table" else one_hot
        words = self.label_fc(one_hot) if self.how == "linear" else words
        return self.model(torch.cat([words, z] if self.front else [z, words], 1))


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
