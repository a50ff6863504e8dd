"""The layers of `core.gan.scales` as plainly as they can be written, from the papers, to compare with in float64."""

import copy
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import nn


def conv(layer: nn.Conv2d, features: torch.Tensor, gain: float = 2**0.5) -> torch.Tensor:
    size = layer.weight[0].numel() ** 0.5
    return F.conv2d(features, layer.weight * gain / size, layer.bias, padding=layer.kernel_size[0] // 2)


def dense(layer: nn.Linear, features: torch.Tensor, gain: float = 2**0.5) -> torch.Tensor:
    return features @ layer.weight.T * gain / layer.in_features**0.5 + layer.bias


def lrelu(features: torch.Tensor) -> torch.Tensor:
    return torch.where(features > 0, features, 0.2 * features)


def normed(features: torch.Tensor) -> torch.Tensor:
    return features / ((features**2).mean(1, keepdim=True) + 1e-8).sqrt()


def repeated(images: torch.Tensor) -> torch.Tensor:
    return images.repeat_interleave(2, 2).repeat_interleave(2, 3)


def means(images: torch.Tensor) -> torch.Tensor:
    n, c, h, w = images.shape
    return images.reshape(n, c, h // 2, 2, w // 2, 2).mean((3, 5))


def compared(features: torch.Tensor) -> torch.Tensor:
    """With the minibatch standard deviation of each four pictures as one feature more."""
    n, _, height, width = features.shape
    four = [(((f - f.mean(0)) ** 2).mean(0) + 1e-8).sqrt().mean() for f in features.split(4)]
    shown = torch.stack([four[i // 4].expand(height, width) for i in range(n)])[:, None]
    return torch.cat([features, shown], 1)


def assert_same(network: nn.Module, plainly: Callable, shown: torch.Tensor) -> None:
    """What a network makes, and how it depends on every number of it, is what `plainly(network, shown)` gives."""
    network.double()
    again, shown = copy.deepcopy(network), shown.double()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.Tensor, "float", torch.Tensor.double)  # norms are taken in float32
        found = network(shown)
        found.square().sum().backward()
    expected = plainly(again, shown)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)
    expected.square().sum().backward()
    for (name, mine), theirs in zip(network.named_parameters(), again.parameters(), strict=True):
        assert (mine.grad is None) == (theirs.grad is None), name
        if mine.grad is not None:
            torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-8, atol=1e-10)
