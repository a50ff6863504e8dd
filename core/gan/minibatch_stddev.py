"""Minibatch standard deviation (Karras et al. 2018, arXiv:1710.10196, section 3): D is shown how much the pictures of a
batch differ, so that it can tell a generator that always makes the same ones.

A picture's opinion would depend on those beside it. While training that is meant; afterwards the usual deviation takes
its place, followed from step to step as batch norm does, so that a picture is judged by itself.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

GROUP = 4  # pictures compared at least: in the authors' code exactly as many, which not every batch can be parted in
EPSILON = 1e-8  # a deviation of nought has no slope
FOLLOWS = 0.1  # as batch norm's momentum


class MinibatchStddev(nn.Module):
    """Features [N, C, H, W] -> [N, C + 1, H, W]: the last one is the same everywhere in a picture."""

    usual: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("usual", torch.zeros(()))

    def forward(self, features: Tensor) -> Tensor:
        count, _, height, width = features.shape
        if self.training:
            groups = features.float().tensor_split(max(1, count // GROUP))
            deviations = torch.cat([_deviation(group).expand(len(group)) for group in groups])
            with torch.no_grad():
                self.usual.lerp_(deviations.mean().to(self.usual.dtype), FOLLOWS)
        else:
            deviations = self.usual.expand(count)
        shown = deviations.to(features.dtype)[:, None, None, None].expand(-1, 1, height, width)
        return torch.cat([features, shown], 1)


def _deviation(group: Tensor) -> Tensor:
    """Of every feature in every place, from picture to picture; their mean."""
    return (group.var(0, correction=0) + EPSILON).sqrt().mean()
