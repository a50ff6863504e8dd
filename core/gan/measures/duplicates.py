"""Samples that are nearly the same, as a generator makes that has few left (after Arora & Zhang 2017, arXiv:1706.08224,
whose duplicates people looked for)."""

from __future__ import annotations

import torch
from torch import Tensor

from core.gan.measures.moment import Moment

RARE = 0.01  # nearer than so many of the real ones are to their nearest neighbours counts as nearly the same


def measure(moment: Moment) -> float:
    real = moment.real.features
    return duplicates(real, moment.features[: len(real)])


def duplicates(real: Tensor, fake: Tensor) -> float:
    """Of features [N, D] and [M, D]: the percentage of fakes that have another one nearer than real ones are. About 1
    where both are of one distribution."""
    near = torch.quantile(_nearest(real), RARE)
    return 100 * (_nearest(fake) <= near).double().mean().item()


def _nearest(features: Tensor) -> Tensor:
    """How far each is from its nearest neighbour, [N]."""
    distances = torch.cdist(features.double(), features.double())
    return distances.fill_diagonal_(torch.inf).amin(1)
