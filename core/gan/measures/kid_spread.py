"""How much chance there is in KID: what it would say of other pictures of the same kind."""

from __future__ import annotations

import torch

from core.gan.measures.kid import kid
from core.gan.measures.moment import Moment

SUBSETS = 10  # as Binkowski et al. 2018 do with a hundred


def measure(moment: Moment) -> float:
    """The standard deviation of KID over random halves of the real pictures and of the samples."""
    rng = torch.Generator().manual_seed(0)
    values = []
    for _ in range(SUBSETS):
        halves = [each[torch.randperm(len(each), generator=rng)[: len(each) // 2]]
                  for each in (moment.real.features, moment.features)]  # fmt: skip
        values.append(kid(*halves))
    return float(torch.tensor(values, dtype=torch.float64).std())
