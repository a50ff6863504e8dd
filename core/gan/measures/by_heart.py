"""Whether samples are copies of pictures that were learned from."""

from __future__ import annotations

import torch
from torch import Tensor

from core.gan.measures.moment import Moment


def measure(moment: Moment) -> float | None:
    learned = moment.real.searched()
    if learned is None:
        return None
    return by_heart(moment.features, learned, moment.real.unseen if len(moment.real.held_out) else None)


def by_heart(fake: Tensor, learned: Tensor, unseen: Tensor | None) -> float:
    """Of features [M, D], [N, D] and [K, D]: the median distance of fakes from the nearest learned one, over that of
    real ones never seen. Where all were learned from, each of them stands for one that was not, seen from the others.
    0: copies; 1: as new as new pictures are."""
    learned = learned.double()
    if unseen is None:
        apart = torch.cdist(learned, learned).fill_diagonal_(torch.inf)
    else:
        apart = torch.cdist(unseen.double(), learned)
    usual = apart.amin(1).median().clamp(min=1e-9)
    return (torch.cdist(fake.double(), learned).amin(1).median() / usual).item()
